//! The default mails: subject and HTML body. Scaffolds return them and stored collections hold copies, so a changed
//! text reaches only new collections.

pub(super) const VERIFICATION: (&str, &str) = (
    "Verify your {APP_NAME} email",
    r#"<p>Hello,</p>
<p>An account at {APP_NAME} was opened with this email address. Please confirm that the address is yours:</p>
<p>
  <a class="btn" href="{APP_URL}/_/#/auth/confirm-verification/{TOKEN}" target="_blank" rel="noopener">Confirm email</a>
</p>
<p><i>If you never registered at {APP_NAME}, you can ignore this message: the address stays unconfirmed.</i></p>
<p>The {APP_NAME} team</p>
"#,
);

pub(super) const RESET_PASSWORD: (&str, &str) = (
    "Reset your {APP_NAME} password",
    r#"<p>Hello,</p>
<p>Somebody asked for a new password of your {APP_NAME} account. Use the link below to choose it:</p>
<p>
  <a class="btn" href="{APP_URL}/_/#/auth/confirm-password-reset/{TOKEN}" target="_blank" rel="noopener">Choose a new password</a>
</p>
<p><i>If you never asked for this, you can ignore this message: your password stays as it is.</i></p>
<p>The {APP_NAME} team</p>
"#,
);

pub(super) const CONFIRM_EMAIL_CHANGE: (&str, &str) = (
    "Confirm your {APP_NAME} new email address",
    r#"<p>Hello,</p>
<p>Your {APP_NAME} account is about to move to this email address. Please confirm the change:</p>
<p>
  <a class="btn" href="{APP_URL}/_/#/auth/confirm-email-change/{TOKEN}" target="_blank" rel="noopener">Confirm new email</a>
</p>
<p><i>If you never asked for this, you can ignore this message: the account keeps its old address.</i></p>
<p>The {APP_NAME} team</p>
"#,
);

pub(super) const OTP: (&str, &str) = (
    "OTP for {APP_NAME}",
    r#"<p>Hello,</p>
<p>Your one-time password for {APP_NAME} is <strong>{OTP}</strong></p>
<p><i>If you never asked for it, you can ignore this message: nobody can sign in without the password above.</i></p>
<p>The {APP_NAME} team</p>
"#,
);

pub(super) const ALERT: (&str, &str) = (
    "Login from a new location",
    r#"<p>Hello,</p>
<p>Your {APP_NAME} account was just used to sign in from a new location:</p>
<p><em>{ALERT_INFO}</em></p>
<p>If this was you, there is nothing to do.</p>
<p><strong>If it wasn't, change your {APP_NAME} password at once: that ends all other sessions.</strong></p>
<p>The {APP_NAME} team</p>
"#,
);
