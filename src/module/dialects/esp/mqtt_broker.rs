//! The broker's side of MQTT, as a scenario describes it: who may connect, which topics a filter means, what is retained.

use super::super::super::scenario::Broker;

/// Whether a topic fits a filter with wildcards (MQTT 3.1.1 §4.7).
pub(super) fn fits(filter: &str, topic: &str) -> bool {
    // A wildcard ahead does not mean the broker's own topics.
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut topics = topic.split('/');
    for level in filter.split('/') {
        match (level, topics.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (level, Some(own)) if level == own => {}
            _ => return false,
        }
    }
    topics.next().is_none()
}

/// The first broker that is at this address.
pub(super) fn at<'b>(brokers: &'b [Broker], host: &str, port: i64) -> Option<&'b Broker> {
    brokers.iter().find(|broker| {
        (broker.host.is_empty() || broker.host.eq_ignore_ascii_case(host))
            && (broker.port == 0 || i64::from(broker.port) == port)
    })
}

/// Whether it lets somebody in.
pub(super) fn admits(broker: &Broker, username: &str, password: &str) -> bool {
    broker.fails.is_none() && (broker.username.is_empty() || broker.username == username && broker.password == password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_mean_topics() {
        for (filter, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/b/c", false),
            ("a/b/c", "a/b", false),
            ("a/+/c", "a/b/c", true),
            ("a/+", "a/b/c", false),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("#", "a/b", true),
            ("#", "$SYS/load", false),
            ("+", "/a", false),
            ("+/+", "/a", true),
            ("$SYS/#", "$SYS/load", true),
        ] {
            assert_eq!(fits(filter, topic), expected, "{filter} {topic}");
        }
    }
}
