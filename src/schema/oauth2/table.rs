//! The table of providers, in the order in which they are listed.

use super::Condition::{All, Contains, Date, Email, Is, IsNumber, Not, Present, True, Truthy};
use super::Pick::{BeforeAt, Filled, First, FromToken, Joined, Nothing, Number, Text, Trimmed, When};
use super::{Account, IdTokenRules, MailList, Provider, Quirk, Source};

const BASE: Provider = Provider {
    name: "",
    display_name: "",
    badge: ("", ""),
    pkce: true,
    auth_url: "",
    token_url: "",
    user_url: "",
    scopes: &[],
    auth_parameters: &[],
    source: Source::Get { headers: &[] },
    id_token: IdTokenRules { issuer: "", jwks_url: "", needs_expiry: false },
    account: ACCOUNT,
};

const ACCOUNT: Account = Account {
    id: Text("id"),
    name: Text("name"),
    username: Nothing,
    email: Nothing,
    mails: None,
    avatar: Nothing,
    active: None,
    quirk: None,
};

/// `{userInfoURL}/emails` of GitHub and what is built like it.
const GIT_MAILS: MailList = MailList {
    url: "{userInfoURL}/emails",
    items: "",
    condition: All(&[True("verified"), True("primary")]),
    email: "email",
    refusals: 401..=404,
};

const OIDC: Provider = Provider {
    display_name: "OIDC",
    badge: ("#5b6470", "ID"),
    scopes: &["openid", "email", "profile"],
    source: Source::GetOrIdToken,
    account: Account {
        id: Text("sub"),
        username: Text("preferred_username"),
        email: When(Truthy("email_verified"), &Text("email")),
        avatar: Text("picture"),
        ..ACCOUNT
    },
    ..BASE
};

/// All providers.
pub static PROVIDERS: [Provider; 32] = [
    Provider {
        name: "apple",
        display_name: "Apple",
        badge: ("#1d1d1f", "A"),
        auth_url: "https://appleid.apple.com/auth/authorize",
        token_url: "https://appleid.apple.com/auth/token",
        scopes: &["name", "email"],
        auth_parameters: &[("response_mode", "form_post")],
        source: Source::IdToken,
        id_token: IdTokenRules {
            issuer: "https://appleid.apple.com",
            jwks_url: "https://appleid.apple.com/auth/keys",
            needs_expiry: true,
        },
        account: Account {
            id: Text("sub"),
            email: When(Truthy("email_verified"), &Text("email")),
            quirk: Some(Quirk::Apple),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "google",
        display_name: "Google",
        badge: ("#4285f4", "G"),
        auth_url: "https://accounts.google.com/o/oauth2/v2/auth",
        token_url: "https://oauth2.googleapis.com/token",
        user_url: "https://www.googleapis.com/oauth2/v3/userinfo",
        scopes: &["https://www.googleapis.com/auth/userinfo.profile", "https://www.googleapis.com/auth/userinfo.email"],
        account: Account {
            id: Text("sub"),
            email: When(True("email_verified"), &Text("email")),
            avatar: Text("picture"),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "microsoft",
        display_name: "Microsoft",
        badge: ("#0067b8", "M"),
        auth_url: "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
        token_url: "https://login.microsoftonline.com/common/oauth2/v2.0/token",
        user_url: "https://graph.microsoft.com/v1.0/me",
        scopes: &["User.Read"],
        account: Account { name: Text("displayName"), email: Text("mail"), quirk: Some(Quirk::Microsoft), ..ACCOUNT },
        ..BASE
    },
    Provider {
        name: "yandex",
        display_name: "Yandex",
        badge: ("#fc3f1d", "Y"),
        auth_url: "https://oauth.yandex.com/authorize",
        token_url: "https://oauth.yandex.com/token",
        user_url: "https://login.yandex.ru/info",
        scopes: &["login:email", "login:avatar", "login:info"],
        account: Account {
            name: Text("real_name"),
            username: Text("login"),
            email: Text("default_email"),
            avatar: When(
                Not(&True("is_avatar_empty")),
                &Filled("https://avatars.yandex.net/get-yapic/{default_avatar_id}/islands-200"),
            ),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "facebook",
        display_name: "Facebook",
        badge: ("#1877f2", "f"),
        auth_url: "https://www.facebook.com/v3.2/dialog/oauth",
        token_url: "https://graph.facebook.com/v3.2/oauth/access_token",
        user_url: "https://graph.facebook.com/me?fields=name,email,picture.type(large)",
        scopes: &["email"],
        account: Account { email: Text("email"), avatar: Text("picture.data.url"), ..ACCOUNT },
        ..BASE
    },
    Provider {
        name: "instagram2",
        display_name: "Instagram",
        badge: ("#d62976", "I"),
        auth_url: "https://www.instagram.com/oauth/authorize",
        token_url: "https://api.instagram.com/oauth/access_token",
        user_url: "https://graph.instagram.com/me?fields=id,username,account_type,user_id,name,profile_picture_url,followers_count,follows_count,media_count",
        scopes: &["instagram_business_basic"],
        account: Account {
            id: Text("user_id"),
            username: Text("username"),
            avatar: Text("profile_picture_url"),
            quirk: Some(Quirk::Instagram),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "github",
        display_name: "GitHub",
        badge: ("#24292f", "GH"),
        auth_url: "https://github.com/login/oauth/authorize",
        token_url: "https://github.com/login/oauth/access_token",
        user_url: "https://api.github.com/user",
        scopes: &["read:user", "user:email"],
        account: Account {
            id: Number("id"),
            username: Text("login"),
            mails: Some(GIT_MAILS),
            avatar: Text("avatar_url"),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "gitlab",
        display_name: "GitLab",
        badge: ("#e24329", "GL"),
        auth_url: "https://gitlab.com/oauth/authorize",
        token_url: "https://gitlab.com/oauth/token",
        user_url: "https://gitlab.com/api/v4/user",
        scopes: &["read_user"],
        account: Account {
            id: Number("id"),
            username: Text("username"),
            email: When(Date("confirmed_at"), &Text("email")),
            avatar: Text("avatar_url"),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "bitbucket",
        display_name: "Bitbucket",
        badge: ("#0052cc", "B"),
        pkce: false,
        auth_url: "https://bitbucket.org/site/oauth2/authorize",
        token_url: "https://bitbucket.org/site/oauth2/access_token",
        user_url: "https://api.bitbucket.org/2.0/user",
        scopes: &["account"],
        account: Account {
            id: Text("uuid"),
            name: Text("display_name"),
            username: Text("username"),
            mails: Some(MailList {
                items: "values",
                condition: All(&[True("is_primary"), True("is_confirmed")]),
                refusals: 400..=599,
                ..GIT_MAILS
            }),
            avatar: Text("links.avatar.href"),
            active: Some(Is("account_status", "active")),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "gitee",
        display_name: "Gitee",
        badge: ("#c71d23", "G"),
        auth_url: "https://gitee.com/oauth/authorize",
        token_url: "https://gitee.com/oauth/token",
        user_url: "https://gitee.com/api/v5/user",
        scopes: &["user_info", "emails"],
        account: Account {
            id: Number("id"),
            username: Text("login"),
            email: When(Email("email"), &Text("email")),
            mails: Some(MailList {
                url: "https://gitee.com/api/v5/emails",
                condition: All(&[Is("state", "confirmed"), Contains("scope", "primary"), Email("email")]),
                ..GIT_MAILS
            }),
            avatar: Text("avatar_url"),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "gitea",
        display_name: "Gitea/Forgejo",
        badge: ("#609926", "Gt"),
        auth_url: "https://gitea.com/login/oauth/authorize",
        token_url: "https://gitea.com/login/oauth/access_token",
        user_url: "https://gitea.com/api/v1/user",
        scopes: &["read:user", "user:email"],
        account: Account {
            id: Number("id"),
            name: Text("full_name"),
            username: Text("login"),
            mails: Some(GIT_MAILS),
            avatar: Text("avatar_url"),
            active: Some(True("active")),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "discord",
        display_name: "Discord",
        badge: ("#5865f2", "D"),
        auth_url: "https://discord.com/api/oauth2/authorize",
        token_url: "https://discord.com/api/oauth2/token",
        user_url: "https://discord.com/api/users/@me",
        scopes: &["identify", "email"],
        account: Account {
            name: First(&[
                Text("global_name"),
                When(Not(&Is("discriminator", "0")), &Filled("{username}#{discriminator}")),
                Text("username"),
            ]),
            username: Text("username"),
            email: When(True("verified"), &Text("email")),
            avatar: Filled("https://cdn.discordapp.com/avatars/{id}/{avatar}.png"),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "twitter",
        display_name: "X/Twitter",
        badge: ("#0f1419", "X"),
        auth_url: "https://x.com/i/oauth2/authorize",
        token_url: "https://api.x.com/2/oauth2/token",
        user_url: "https://api.x.com/2/users/me?user.fields=id,name,username,profile_image_url,confirmed_email",
        scopes: &["users.read", "users.email", "tweet.read"],
        account: Account {
            id: Text("data.id"),
            name: Text("data.name"),
            username: Text("data.username"),
            email: Text("data.confirmed_email"),
            avatar: Text("data.profile_image_url"),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "kakao",
        display_name: "Kakao",
        badge: ("#3c1e1e", "K"),
        auth_url: "https://kauth.kakao.com/oauth/authorize",
        token_url: "https://kauth.kakao.com/oauth/token",
        user_url: "https://kapi.kakao.com/v2/user/me",
        scopes: &["account_email", "profile_nickname", "profile_image"],
        account: Account {
            id: Number("id"),
            name: Nothing,
            username: Text("properties.nickname"),
            email: When(
                All(&[True("kakao_account.is_email_valid"), True("kakao_account.is_email_verified")]),
                &Text("kakao_account.email"),
            ),
            avatar: Text("properties.profile_image"),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "vk",
        display_name: "ВКонтакте",
        badge: ("#0077ff", "VK"),
        pkce: false,
        auth_url: "https://oauth.vk.com/authorize",
        token_url: "https://oauth.vk.com/access_token",
        user_url: "https://api.vk.com/method/users.get?fields=photo_max,screen_name&v=5.131",
        scopes: &["email"],
        account: Account {
            id: Number("response.0.id"),
            name: Trimmed("{response.0.first_name} {response.0.last_name}"),
            username: Text("response.0.screen_name"),
            email: FromToken("email"),
            avatar: Text("response.0.photo_max"),
            active: Some(Present("response.0")),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "linear",
        display_name: "Linear",
        badge: ("#5e6ad2", "L"),
        pkce: false,
        auth_url: "https://linear.app/oauth/authorize",
        token_url: "https://api.linear.app/oauth/token",
        user_url: "https://api.linear.app/graphql",
        scopes: &["read"],
        source: Source::Graph("query { viewer { id displayName name email avatarUrl active } }"),
        account: Account {
            id: Text("data.viewer.id"),
            name: Text("data.viewer.name"),
            username: Text("data.viewer.displayName"),
            email: Text("data.viewer.email"),
            avatar: Text("data.viewer.avatarUrl"),
            active: Some(True("data.viewer.active")),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "notion",
        display_name: "Notion",
        badge: ("#191919", "N"),
        auth_url: "https://api.notion.com/v1/oauth/authorize",
        token_url: "https://api.notion.com/v1/oauth/token",
        user_url: "https://api.notion.com/v1/users/me",
        source: Source::Get { headers: &[("Notion-Version", "2022-06-28")] },
        account: Account {
            id: Text("bot.owner.user.id"),
            name: Text("bot.owner.user.name"),
            email: Text("bot.owner.user.person.email"),
            avatar: Text("bot.owner.user.avatar_url"),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "monday",
        display_name: "monday.com",
        badge: ("#ff3d57", "m"),
        auth_url: "https://auth.monday.com/oauth2/authorize",
        token_url: "https://auth.monday.com/oauth2/token",
        user_url: "https://api.monday.com/v2",
        scopes: &["me:read"],
        source: Source::Graph("query { me { id enabled name email is_verified photo_small } }"),
        account: Account {
            id: Text("data.me.id"),
            name: Text("data.me.name"),
            email: When(True("data.me.is_verified"), &Text("data.me.email")),
            avatar: Text("data.me.photo_small"),
            active: Some(True("data.me.enabled")),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "lark",
        display_name: "Lark",
        badge: ("#00a0a0", "L"),
        auth_url: "https://accounts.feishu.cn/open-apis/authen/v1/authorize",
        token_url: "https://open.feishu.cn/open-apis/authen/v2/oauth/token",
        user_url: "https://open.feishu.cn/open-apis/authen/v1/user_info",
        account: Account {
            id: Text("data.union_id"),
            name: Text("data.name"),
            avatar: Text("data.avatar_url"),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "box",
        display_name: "Box",
        badge: ("#0061d5", "b"),
        auth_url: "https://account.box.com/api/oauth2/authorize",
        token_url: "https://api.box.com/oauth2/token",
        user_url: "https://api.box.com/2.0/users/me",
        scopes: &["root_readonly"],
        account: Account {
            email: Text("login"),
            avatar: Text("avatar_url"),
            active: Some(Is("status", "active")),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "spotify",
        display_name: "Spotify",
        badge: ("#1aa34a", "S"),
        auth_url: "https://accounts.spotify.com/authorize",
        token_url: "https://accounts.spotify.com/api/token",
        user_url: "https://api.spotify.com/v1/me",
        scopes: &["user-read-private"],
        account: Account { name: Text("display_name"), avatar: Text("images.0.url"), ..ACCOUNT },
        ..BASE
    },
    Provider {
        name: "trakt",
        display_name: "Trakt",
        badge: ("#c8102e", "T"),
        auth_url: "https://trakt.tv/oauth/authorize",
        token_url: "https://api.trakt.tv/oauth/token",
        user_url: "https://api.trakt.tv/users/settings",
        source: Source::Get {
            headers: &[
                ("Content-type", "application/json"),
                ("trakt-api-key", "{clientId}"),
                ("trakt-api-version", "2"),
            ],
        },
        account: Account {
            id: Text("user.ids.uuid"),
            name: Text("user.name"),
            username: Text("user.username"),
            avatar: Text("user.images.avatar.full"),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "twitch",
        display_name: "Twitch",
        badge: ("#9146ff", "T"),
        auth_url: "https://id.twitch.tv/oauth2/authorize",
        token_url: "https://id.twitch.tv/oauth2/token",
        user_url: "https://api.twitch.tv/helix/users",
        scopes: &["user:read:email"],
        source: Source::Get { headers: &[("Client-Id", "{clientId}")] },
        account: Account {
            id: Text("data.0.id"),
            name: Text("data.0.display_name"),
            username: Text("data.0.login"),
            email: Text("data.0.email"),
            avatar: Text("data.0.profile_image_url"),
            active: Some(Present("data.0")),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "patreon",
        display_name: "Patreon",
        badge: ("#c2410c", "P"),
        auth_url: "https://www.patreon.com/oauth2/authorize",
        token_url: "https://www.patreon.com/api/oauth2/token",
        user_url: "https://www.patreon.com/api/oauth2/v2/identity?fields%5Buser%5D=full_name,email,vanity,image_url,is_email_verified",
        scopes: &["identity", "identity[email]"],
        account: Account {
            id: Text("data.id"),
            name: Text("data.attributes.full_name"),
            username: Text("data.attributes.vanity"),
            email: When(True("data.attributes.is_email_verified"), &Text("data.attributes.email")),
            avatar: Text("data.attributes.image_url"),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "strava",
        display_name: "Strava",
        badge: ("#e34402", "S"),
        auth_url: "https://www.strava.com/oauth/authorize",
        token_url: "https://www.strava.com/api/v3/oauth/token",
        user_url: "https://www.strava.com/api/v3/athlete",
        scopes: &["profile:read_all"],
        account: Account {
            id: Number("id"),
            name: Joined("{firstname} {lastname}"),
            username: Text("username"),
            avatar: Text("profile"),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "wakatime",
        display_name: "WakaTime",
        badge: ("#202020", "W"),
        auth_url: "https://wakatime.com/oauth/authorize",
        token_url: "https://wakatime.com/oauth/token",
        user_url: "https://wakatime.com/api/v1/users/current",
        scopes: &["email"],
        account: Account {
            id: Text("data.id"),
            name: Text("data.display_name"),
            username: Text("data.username"),
            email: When(True("data.is_email_confirmed"), &Text("data.email")),
            avatar: When(True("data.photo_public"), &Text("data.photo")),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "livechat",
        display_name: "LiveChat",
        badge: ("#d64203", "LC"),
        auth_url: "https://accounts.livechat.com/",
        token_url: "https://accounts.livechat.com/token",
        user_url: "https://accounts.livechat.com/v2/accounts/me",
        account: Account {
            id: Text("account_id"),
            email: When(True("email_verified"), &Text("email")),
            avatar: Text("avatar_url"),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "mailcow",
        display_name: "mailcow",
        badge: ("#8a6d00", "mc"),
        scopes: &["profile"],
        account: Account {
            name: Text("full_name"),
            username: BeforeAt("username"),
            email: Text("email"),
            active: Some(IsNumber("active", 1)),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider {
        name: "planningcenter",
        display_name: "Planning Center",
        badge: ("#2266f7", "PC"),
        auth_url: "https://api.planningcenteronline.com/oauth/authorize",
        token_url: "https://api.planningcenteronline.com/oauth/token",
        user_url: "https://api.planningcenteronline.com/people/v2/me",
        scopes: &["people"],
        account: Account {
            id: Text("data.id"),
            name: Text("data.attributes.name"),
            avatar: Text("data.attributes.avatar"),
            active: Some(Is("data.attributes.status", "active")),
            ..ACCOUNT
        },
        ..BASE
    },
    Provider { name: "oidc", ..OIDC },
    Provider { name: "oidc2", ..OIDC },
    Provider { name: "oidc3", ..OIDC },
];
