//! A terminal of its own for an agent that wants one.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// What programs ask to learn where the cursor is, and what they are told: at the top.
const WHERE: (&[u8], &[u8]) = (b"\x1b[6n", b"\x1b[1;1R");

/// The side of a terminal at which a person sits.
#[derive(Debug)]
pub struct Terminal {
    keyboard: File,
}

/// The screen: what is read from it has been shown. Answers what a terminal is asked.
#[derive(Debug)]
pub(super) struct Screen {
    screen: File,
}

impl Terminal {
    /// A terminal of 40 lines of 200 columns: the person's side, its screen, and the program's side.
    pub(super) fn open() -> io::Result<(Self, Screen, OwnedFd)> {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&person)?;
        unlockpt(&person)?;
        let name = ptsname(&person, Vec::new())?;
        let program = File::options()
            .read(true)
            .write(true)
            .open(Path::new(name.to_string_lossy().as_ref()))?;
        let size = Winsize {
            ws_row: 40,
            ws_col: 200,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&program, size)?;
        let keyboard = File::from(person);
        let screen = Screen {
            screen: keyboard.try_clone()?,
        };
        Ok((Self { keyboard }, screen, program.into()))
    }

    /// Types bytes.
    pub fn write(&mut self, bytes: &[u8]) {
        // A program that has gone is noticed by its end.
        let _ = self.keyboard.write_all(bytes);
    }
}

impl Read for Screen {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.screen.read(buffer)?;
        let asks = memchr::memmem::find(&buffer[..count], WHERE.0).is_some();
        if asks {
            self.screen.write_all(WHERE.1)?;
        }
        Ok(count)
    }
}
