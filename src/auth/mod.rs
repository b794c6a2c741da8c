//! Who is calling: tokens verified (contract/10), accounts and every way in (contract/11).
