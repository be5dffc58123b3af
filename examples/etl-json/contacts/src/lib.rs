//! Contacts as people type them, made uniform: names without stray blanks, e-mail addresses in lower case, phone
//! numbers in the international form.

use sabot_sdk::prelude::*;

/// A contact as it was typed.
#[derive(Row)]
pub struct Typed<'a> {
    id: i64,
    name: Option<&'a str>,
    email: &'a str,
    phone: Option<&'a str>,
}

/// The same contact, uniform.
#[derive(OutputRow)]
pub struct Contact {
    id: i64,
    name: Option<String>,
    email: String,
    /// What follows the `@`.
    domain: String,
    /// `+` and digits.
    phone: Option<String>,
}

/// `{"country_code": "41"}`: the country of numbers that do not say.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    country_code: String,
}

/// Refuses a contact that nobody could write to: `bad-email`.
#[sabot::map]
pub fn contacts(typed: Typed, config: &Config) -> Result<Contact, RowError> {
    let email = typed.email.trim().to_lowercase();
    let domain = domain(&email).ok_or_else(|| RowError::new("bad-email", format!("`{email}`")))?;
    Ok(Contact {
        id: typed.id,
        name: typed.name.map(words).filter(|name| !name.is_empty()),
        domain: domain.to_owned(),
        email,
        phone: typed.phone.and_then(|phone| international(phone, &config.country_code)),
    })
}

fn domain(email: &str) -> Option<&str> {
    let (local, domain) = email.split_once('@')?;
    let fits = !local.is_empty() && domain.contains('.') && !domain.contains('@') && !email.contains(' ');
    fits.then_some(domain)
}

/// With one blank between words.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `+` and digits; nothing where there are too few to call.
fn international(phone: &str, country_code: &str) -> Option<String> {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    let number = match (phone.trim().starts_with('+'), digits.strip_prefix("00"), digits.strip_prefix('0')) {
        (true, _, _) => digits.clone(),
        (false, Some(abroad), _) => abroad.to_owned(),
        (false, None, Some(inland)) => format!("{country_code}{inland}"),
        (false, None, None) => format!("{country_code}{digits}"),
    };
    (number.len() >= 8).then(|| format!("+{number}"))
}
