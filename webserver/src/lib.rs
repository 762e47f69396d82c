//! The web server: pages for people. (On this branch only what `web` owns is declared here.)

pub mod doors;
pub mod layout;
pub mod pages;
