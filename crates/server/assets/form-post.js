// Submits the form of the form_post page. Where scripts are off, its Continue button does.
document.getElementById("form-post").submit();
