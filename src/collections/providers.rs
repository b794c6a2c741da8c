//! The OAuth2 providers that an auth collection may use, as the dashboard lists them (contract/02 §12).

use serde::Serialize;
use serde_json::{Value as Json, json};

/// One provider: its name in options and its face in the dashboard.
#[derive(Clone, Copy, Debug)]
pub struct ProviderFace {
    pub name: &'static str,
    pub display_name: &'static str,
    /// The colour of its logo, `#rrggbb`.
    colour: &'static str,
    /// The one or two letters on it.
    letters: &'static str,
}

const fn face(
    name: &'static str,
    display_name: &'static str,
    colour: &'static str,
    letters: &'static str,
) -> ProviderFace {
    ProviderFace { name, display_name, colour, letters }
}

/// All providers in the contract's order.
pub const PROVIDERS: [ProviderFace; 32] = [
    face("apple", "Apple", "#1d1d1f", "A"),
    face("google", "Google", "#4285f4", "G"),
    face("microsoft", "Microsoft", "#0067b8", "M"),
    face("yandex", "Yandex", "#fc3f1d", "Y"),
    face("facebook", "Facebook", "#1877f2", "f"),
    face("instagram2", "Instagram", "#d62976", "I"),
    face("github", "GitHub", "#24292f", "GH"),
    face("gitlab", "GitLab", "#e24329", "GL"),
    face("bitbucket", "Bitbucket", "#0052cc", "B"),
    face("gitee", "Gitee", "#c71d23", "G"),
    face("gitea", "Gitea/Forgejo", "#609926", "Gt"),
    face("discord", "Discord", "#5865f2", "D"),
    face("twitter", "X/Twitter", "#0f1419", "X"),
    face("kakao", "Kakao", "#3c1e1e", "K"),
    face("vk", "ВКонтакте", "#0077ff", "VK"),
    face("linear", "Linear", "#5e6ad2", "L"),
    face("notion", "Notion", "#191919", "N"),
    face("monday", "monday.com", "#ff3d57", "m"),
    face("lark", "Lark", "#00a0a0", "L"),
    face("box", "Box", "#0061d5", "b"),
    face("spotify", "Spotify", "#1aa34a", "S"),
    face("trakt", "Trakt", "#c8102e", "T"),
    face("twitch", "Twitch", "#9146ff", "T"),
    face("patreon", "Patreon", "#c2410c", "P"),
    face("strava", "Strava", "#e34402", "S"),
    face("wakatime", "WakaTime", "#202020", "W"),
    face("livechat", "LiveChat", "#d64203", "LC"),
    face("mailcow", "mailcow", "#8a6d00", "mc"),
    face("planningcenter", "Planning Center", "#2266f7", "PC"),
    face("oidc", "OIDC", "#5b6470", "ID"),
    face("oidc2", "OIDC", "#5b6470", "ID"),
    face("oidc3", "OIDC", "#5b6470", "ID"),
];

/// Whether options may name this provider.
pub(super) fn is_known(name: &str) -> bool {
    PROVIDERS.iter().any(|provider| provider.name == name)
}

/// The answer of the providers' route.
pub fn oauth2_providers() -> Json {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Shown {
        name: &'static str,
        display_name: &'static str,
        logo: String,
    }
    let shown = PROVIDERS.map(|provider| Shown {
        name: provider.name,
        display_name: provider.display_name,
        logo: provider.logo(),
    });
    json!(shown)
}

impl ProviderFace {
    /// A plain badge; the providers' own marks are theirs.
    fn logo(&self) -> String {
        format!(
            concat!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="32" height="32">"#,
                r#"<rect width="32" height="32" rx="8" fill="{}"/>"#,
                r##"<text x="16" y="21.5" text-anchor="middle" font-family="system-ui,sans-serif" font-size="15" "##,
                r##"font-weight="600" fill="#fff">{}</text></svg>"##
            ),
            self.colour, self.letters
        )
    }
}
