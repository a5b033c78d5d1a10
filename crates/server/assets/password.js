// Shows what was typed as a password while its owner wants to see it, and hides it again before it is sent.
for (const button of document.querySelectorAll("button[data-shows]")) {
  const fields = button.dataset.shows.split(" ").map((id) => document.getElementById(id));
  const words = { password: button.textContent, text: button.dataset.hide };
  const turn = (type) => {
    for (const field of fields) {
      field.type = type;
    }
    button.textContent = words[type];
  };
  button.hidden = false;
  button.addEventListener("click", () => turn(fields[0].type === "password" ? "text" : "password"));
  button.form.addEventListener("submit", () => turn("password"));
}
