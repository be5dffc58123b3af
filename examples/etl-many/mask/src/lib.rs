//! Takes out of payments what nobody downstream may see: of a card or account only the last digits stay, and a token
//! that is the same for the same account, so that payments can still be counted by it.

use sabot_sdk::prelude::*;
use sha2::{Digest, Sha256};

/// A payment as the bank knows it.
#[derive(Row)]
pub struct Payment<'a> {
    id: &'a str,
    method: &'a str,
    account: &'a str,
    cents: i64,
    currency: &'a str,
    at: TimestampMs,
}

/// The same payment for everybody else.
#[derive(OutputRow)]
pub struct Masked<'a> {
    id: &'a str,
    method: &'a str,
    account: String,
    token: String,
    cents: i64,
    currency: String,
    at: TimestampMs,
}

/// `{"salt": "…"}`: whoever does not know it cannot find an account by trying all numbers.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    salt: String,
}

/// Characters that stay, of at least twice as many.
const SHOWN: usize = 4;

/// Refuses what is no account number, without repeating it: `bad-account`.
#[sabot::map]
pub fn mask<'a>(payment: Payment<'a>, config: &Config) -> Result<Masked<'a>, RowError> {
    let account: String = payment.account.split_whitespace().collect();
    if !is_number(&account) {
        return Err(RowError::new("bad-account", format!("payment {}", payment.id)));
    }
    let hidden = account.len() - SHOWN;
    Ok(Masked {
        id: payment.id,
        method: payment.method,
        account: format!("{}{}", "*".repeat(hidden), &account[hidden..]),
        token: token(&config.salt, &account),
        cents: payment.cents,
        currency: payment.currency.to_uppercase(),
        at: payment.at,
    })
}

/// Cards have digits, accounts letters too.
fn is_number(account: &str) -> bool {
    let digits = account.bytes().filter(u8::is_ascii_digit).count();
    account.len() >= 2 * SHOWN && digits >= SHOWN && account.bytes().all(|c| c.is_ascii_alphanumeric())
}

/// 16 hex digits.
fn token(salt: &str, account: &str) -> String {
    let hash = Sha256::new().chain_update(salt).chain_update([0]).chain_update(account).finalize();
    hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
