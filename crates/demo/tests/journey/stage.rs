//! The stage of the journey: the demo's process, and a browser that shows what it is told.

use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;

use safeconduct_testing_program::{Directory, Process};
use thirtyfour::prelude::*;

use crate::pictures::{self, Pictures};

/// How long a page may take; the machine may have much else to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// A demo, running until it is dropped.
pub(crate) struct Demo {
    process: Mutex<Process>,
    _directory: Directory,
    /// The web app's address.
    pub(crate) app: String,
    /// The server's.
    pub(crate) server: String,
    /// What opens the console.
    pub(crate) console: String,
}

impl Demo {
    /// Starts the built program and waits until it says where it is: on any free ports, but on its usual ones for pictures.
    pub(crate) fn start() -> Self {
        let directory = Directory::empty();
        let mut arguments = vec!["demo", "--no-open"];
        if !pictures::are_kept() {
            arguments.extend(["--ports", "0,0,0"]);
        }
        let mut process = directory.start(&mut directory.command(&arguments), " demo: ");
        let mut address = |label: &str| {
            let line = process.wait_for(label).unwrap();
            let url = line
                .split_whitespace()
                .find(|word| word.starts_with("http://"));
            url.unwrap().to_owned()
        };
        let (app, server) = (address("Web app"), address("Server"));
        let console = address("/open/");
        Self {
            process: Mutex::new(process),
            _directory: directory,
            app,
            server,
            console,
        }
    }

    /// What it printed until now, and that holds these words.
    pub(crate) fn printed_with(&self, words: &str) -> String {
        let mut process = self.process.lock().unwrap();
        process.wait_for(words).unwrap();
        process.log()
    }
}

impl Drop for Demo {
    /// Asks it to stop, so that it takes its temporary directory along.
    fn drop(&mut self) {
        if let Ok(process) = self.process.get_mut() {
            let _ = process.stop();
        }
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
