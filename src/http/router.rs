//! Finds the route of a path: a radix tree over all patterns of a method, in one service. (actix tries a flat table entry by entry,
//! which costs 8 µs a request with 80 routes; PERFORMANCE, Spikes.)

use actix_web::http::Method;

use super::route::Route;

/// Most parameters a pattern may have (the longest has three).
const PARAMS_MAX: usize = 4;

/// The parameters of a path: names of the pattern, and where their raw parts stand in the path.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Params {
    entries: [(&'static str, u32, u32); PARAMS_MAX],
}

impl Params {
    /// The raw part of `path` that stands for `name`.
    pub fn get<'p>(&self, path: &'p str, name: &str) -> Option<&'p str> {
        let (_, start, end) = self.entries.iter().find(|(known, _, _)| *known == name)?;
        path.get(*start as usize..*end as usize)
    }
}

/// One tree per method: a pattern of one method must not hide a wider one of another, for `import` is a name that a
/// collection may have (contract/02 §1).
#[derive(Default)]
struct Trees {
    get: matchit::Router<usize>,
    post: matchit::Router<usize>,
    put: matchit::Router<usize>,
    patch: matchit::Router<usize>,
    delete: matchit::Router<usize>,
}

impl Trees {
    fn of_mut(&mut self, method: &Method) -> Option<&mut matchit::Router<usize>> {
        match *method {
            Method::GET => Some(&mut self.get),
            Method::POST => Some(&mut self.post),
            Method::PUT => Some(&mut self.put),
            Method::PATCH => Some(&mut self.patch),
            Method::DELETE => Some(&mut self.delete),
            _ => None,
        }
    }

    fn of(&self, method: &Method) -> Option<&matchit::Router<usize>> {
        match *method {
            Method::GET | Method::HEAD => Some(&self.get),
            Method::POST => Some(&self.post),
            Method::PUT => Some(&self.put),
            Method::PATCH => Some(&self.patch),
            Method::DELETE => Some(&self.delete),
            _ => None,
        }
    }
}

/// All routes, by method and path.
pub(super) struct Router {
    routes: Vec<Route>,
    /// Parameter names of each route's pattern, in its order.
    names: Vec<Vec<&'static str>>,
    trees: Trees,
}

impl Router {
    /// Panics if two routes share a method and pattern, or a pattern is malformed: a fault of the table, found by any test.
    pub fn new(routes: Vec<Route>) -> Self {
        let mut trees = Trees::default();
        for (index, route) in routes.iter().enumerate() {
            let tree = trees.of_mut(&route.method).expect("a route has one of the five methods");
            if let Err(error) = tree.insert(route.pattern, index) {
                let is_twice = matches!(error, matchit::InsertError::Conflict { .. });
                let what = if is_twice { "stands twice" } else { "is malformed" };
                panic!("{} {} {what}", route.method, route.pattern);
            }
        }
        let names = routes.iter().map(|route| parameter_names(route.pattern)).collect();
        Self { routes, names, trees }
    }

    /// The route of `method` and `path`, `HEAD` being that of `GET`; `None` leads to the catch-all.
    pub fn find(&self, method: &Method, path: &str) -> Option<(&Route, Params)> {
        let found = self.trees.of(method)?.at(path).ok()?;
        let index = *found.value;
        let mut params = Params::default();
        let named = self.names[index].iter().zip(found.params.iter());
        for (entry, (name, (_, part))) in params.entries.iter_mut().zip(named) {
            let start = part.as_ptr() as usize - path.as_ptr() as usize;
            *entry = (name, start as u32, (start + part.len()) as u32);
        }
        Some((&self.routes[index], params))
    }

    pub fn routes(&self) -> &[Route] {
        &self.routes
    }
}

/// `/a/{b}/{*c}` → `["b", "c"]`.
fn parameter_names(pattern: &'static str) -> Vec<&'static str> {
    let names: Vec<_> = pattern
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name.trim_start_matches('*'))
        .collect();
    assert!(names.len() <= PARAMS_MAX, "{pattern} has too many parameters");
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Response;

    fn router(patterns: &[(Method, &'static str)]) -> Router {
        let route = |(method, pattern): &(Method, &'static str)| {
            let mut route = Route::get(pattern, |_| async { Ok(Response::no_content()) });
            route.method = method.clone();
            route
        };
        Router::new(patterns.iter().map(route).collect())
    }

    #[test]
    fn a_path_finds_its_route_and_parameters() {
        let router = router(&[
            (Method::GET, "/api/collections/{collection}/records/{id}"),
            (Method::PATCH, "/api/collections/{collection}/records/{id}"),
            (Method::GET, "/api/collections/meta/scaffolds"),
            (Method::GET, "/api/collections/{collection}"),
            (Method::PUT, "/api/collections/import"),
            (Method::GET, "/_/{*rest}"),
        ]);
        let find = |method: Method, path: &'static str| {
            router.find(&method, path).map(|(route, params)| {
                let get = |name| params.get(path, name).unwrap_or("");
                (route.method.clone(), route.pattern, get("collection"), get("id"), get("rest"))
            })
        };
        let records = "/api/collections/{collection}/records/{id}";
        for (method, path, expected) in [
            (Method::GET, "/api/collections/a/records/b%2Fc", Some((Method::GET, records, "a", "b%2Fc", ""))),
            (Method::HEAD, "/api/collections/a/records/b", Some((Method::GET, records, "a", "b", ""))),
            (Method::PATCH, "/api/collections/a/records/b", Some((Method::PATCH, records, "a", "b", ""))),
            (Method::DELETE, "/api/collections/a/records/b", None),
            (Method::TRACE, "/api/collections/a/records/b", None),
            (Method::GET, "/api/collections/a/records/b/", None),
            (
                Method::GET,
                "/api/collections/meta/scaffolds",
                Some((Method::GET, "/api/collections/meta/scaffolds", "", "", "")),
            ),
            (
                Method::GET,
                "/api/collections/meta",
                Some((Method::GET, "/api/collections/{collection}", "meta", "", "")),
            ),
            (Method::PUT, "/api/collections/import", Some((Method::PUT, "/api/collections/import", "", "", ""))),
            (
                Method::GET,
                "/api/collections/import",
                Some((Method::GET, "/api/collections/{collection}", "import", "", "")),
            ),
            (Method::GET, "/_/a/b.js", Some((Method::GET, "/_/{*rest}", "", "", "a/b.js"))),
            (Method::GET, "/api", None),
        ] {
            assert_eq!(find(method.clone(), path), expected, "{method} {path}");
        }
    }

    #[test]
    #[should_panic(expected = "stands twice")]
    fn a_route_may_not_stand_twice() {
        router(&[(Method::GET, "/a"), (Method::GET, "/a")]);
    }
}
