//! Versions of agents, in order.

use std::fmt;
use std::str::FromStr;

/// A version of an agent: `0.169.0`. What follows a hyphen is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
    /// The third number.
    pub patch: u32,
}

impl FromStr for Version {
    type Err = ();

    /// Reads `0.169.0`, `0.169.0-alpha.3`, `0.5`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let numbers = text.split(['-', '+']).next().unwrap_or(text);
        let mut parts = numbers.split('.').map(|part| part.parse().map_err(|_| ()));
        let version = Self {
            major: parts.next().ok_or(())??,
            minor: parts.next().ok_or(())??,
            patch: parts.next().unwrap_or(Ok(0))?,
        };
        parts.next().map_or(Ok(version), |_| Err(()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers_in_order() {
        let version = |text: &str| text.parse::<Version>();
        assert!(version("0.99.0").unwrap() < version("0.125.0-alpha.3").unwrap());
        assert_eq!(version("0.5").unwrap().to_string(), "0.5.0");
        for bad in ["", "1", "0.1.2.3", "v0.1.2", "0.x"] {
            assert!(version(bad).is_err(), "{bad}");
        }
    }
}
