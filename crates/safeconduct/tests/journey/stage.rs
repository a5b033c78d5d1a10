//! The stage of the journey: the demo's process, and a browser that shows what it is told.

use std::future::Future;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use thirtyfour::prelude::*;

use crate::pictures::{self, Pictures};

/// How long a page may take; the machine may have much else to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// A demo, running until it is dropped.
pub(crate) struct Demo {
    child: Child,
    printed: Mutex<Receiver<String>>,
    /// The web app's address.
    pub(crate) app: String,
    /// The server's.
    pub(crate) server: String,
}

impl Demo {
    /// Starts the built program and waits until it says where it is: on any free ports, but on its usual ones for pictures.
    pub(crate) fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_safeconduct"))
            .args(["demo", "--no-open"])
            .args(if pictures::are_kept() {
                &[][..]
            } else {
                &["--ports", "0,0,0"][..]
            })
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = |label: &str| loop {
            let line = lines.next().expect("the demo says where it is").unwrap();
            if line.trim_start().starts_with(label) {
                break line
                    .split_whitespace()
                    .find(|word| word.starts_with("http://"))
                    .unwrap()
                    .to_owned();
            }
        };
        let (app, server) = (address("Web app"), address("Server"));
        let (says, printed) = mpsc::channel();
        std::thread::spawn(move || {
            // Nobody listens any more once the journey is over.
            lines
                .map_while(Result::ok)
                .try_for_each(|line| says.send(line))
        });
        Self {
            child,
            printed: Mutex::new(printed),
            app,
            server,
        }
    }

    /// What it printed since it said where it is, up to and with the first line that holds these words.
    pub(crate) fn printed_until(&self, words: &str) -> String {
        let lines = self.printed.lock().unwrap();
        let mut printed = String::new();
        loop {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) => printed += &format!("{line}\n"),
                Err(error) => panic!("`{words}` was not printed ({error}):\n{printed}"),
            }
            if printed
                .lines()
                .last()
                .is_some_and(|line| line.contains(words))
            {
                return printed;
            }
        }
    }
}

impl Drop for Demo {
    /// Asks it to stop, so that it takes its temporary directory along.
    fn drop(&mut self) {
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// A browser in front of a demo.
pub(crate) struct Stage {
    pub(crate) demo: Demo,
    pub(crate) driver: WebDriver,
    pictures: Pictures,
}

/// Plays `scenes` in a new browser in front of `demo`, and closes it however they end.
pub(crate) async fn in_browser<F>(demo: Demo, scenes: impl FnOnce(Stage) -> F)
where
    F: Future<Output = WebDriverResult<()>> + Send + 'static,
{
    let stage = |driver| Stage {
        demo,
        driver,
        pictures: Pictures::new(),
    };
    safeconduct_testing_browser::in_browser(|driver| scenes(stage(driver))).await;
}

impl Stage {
    /// Goes to an address.
    pub(crate) async fn visit(&self, url: &str) -> WebDriverResult<()> {
        self.driver.goto(url).await
    }

    /// Waits for an element.
    pub(crate) async fn wait_for(&self, css: &str) -> WebDriverResult<WebElement> {
        let query = self.driver.query(By::Css(css));
        query
            .wait(PATIENCE, Duration::from_millis(50))
            .first()
            .await
    }

    /// Presses the button or link with this id, and waits until its page is gone.
    pub(crate) async fn press(&self, id: &str) -> WebDriverResult<()> {
        self.leave_by(&format!("[id='{id}']")).await
    }

    /// Presses what this selector finds, and waits until its page is gone.
    pub(crate) async fn leave_by(&self, css: &str) -> WebDriverResult<()> {
        let button = self.wait_for(css).await?;
        button.click().await?;
        let gone = button
            .wait_until()
            .wait(PATIENCE, Duration::from_millis(20));
        gone.stale().await
    }

    /// Opens what is folded.
    pub(crate) async fn unfold(&self, css: &str) -> WebDriverResult<()> {
        self.wait_for(css).await?.click().await
    }

    /// Types into the field with this id.
    pub(crate) async fn fill(&self, id: &str, text: &str) -> WebDriverResult<()> {
        let field = self.wait_for(&format!("[id='{id}']")).await?;
        field.clear().await?;
        field.send_keys(text).await
    }

    /// What stands in the field with this id.
    pub(crate) async fn value(&self, id: &str) -> WebDriverResult<String> {
        let field = self.wait_for(&format!("[id='{id}']")).await?;
        Ok(field.value().await?.unwrap_or_default())
    }

    /// The text of the first such element.
    pub(crate) async fn text(&self, css: &str) -> WebDriverResult<String> {
        self.wait_for(css).await?.text().await
    }

    /// Asserts that the first such element shows each of these words.
    pub(crate) async fn shows(&self, css: &str, words: &[&str]) -> WebDriverResult<()> {
        let text = self.text(css).await?;
        for words in words {
            assert!(text.contains(words), "`{words}` is not in:\n{text}");
        }
        Ok(())
    }

    /// Asserts how many such elements there are.
    pub(crate) async fn has(&self, number: usize, css: &str) -> WebDriverResult<()> {
        let count = self.count(css).await?;
        assert_eq!(count, number, "{css} in:\n{}", self.text("main").await?);
        Ok(())
    }

    /// How many such elements there are.
    pub(crate) async fn count(&self, css: &str) -> WebDriverResult<usize> {
        Ok(self.driver.find_all(By::Css(css)).await?.len())
    }

    /// Looks at the page at every width and in both lights: nothing may stick out on the narrowest screen.
    pub(crate) async fn picture(&self, name: &str) -> WebDriverResult<()> {
        self.pictures.take(&self.driver, name).await
    }
}
