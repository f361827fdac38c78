"""What a service measures comes out of /metrics under the promised names."""

from prometheus_client.parser import text_string_to_metric_families

from infrastructure.telemetry import metrics

PROMISED = {
    "http_requests_total": {"method", "endpoint", "status"},
    "http_request_duration_seconds": {"method", "endpoint"},
    "images_uploaded_total": set(),
    "images_deleted_total": set(),
    "storage_bytes_used": {"shard"},
    "cache_requests_total": {"cache", "outcome"},
    "db_connections_active": {"pool"},
    "queue_depth": {"consumer"},
    "outbox_pending": set(),
    "replica_lag_seconds": set(),
    "overlay_entries": set(),
    "derivative_seconds": {"variant"},
    "shard_state": {"shard"},
    "lease_state": set(),
}


def samples(collector):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in collector.collect()
        for sample in family.samples
    }


def test_every_promised_name_is_there_with_its_labels():
    """The names and labels that the API's contract lists are the ones that are scraped."""
    metrics.requests.observe("GET", "/names", 200, 0.1)
    for name, labels in PROMISED.items():
        if labels and not name.startswith("http_"):
            getattr(metrics, name.removesuffix("_total")).labels(**dict.fromkeys(labels, "x"))
    body, content_type = metrics.render()
    seen = {
        sample.name.removesuffix("_bucket"): set(sample.labels) - {"le"}
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }
    assert content_type.startswith("text/plain")
    assert PROMISED.items() <= seen.items()


def test_requests_are_counted_by_status_and_timed_by_route():
    """One observation feeds the counter with its status and the histogram without it."""
    requests = metrics.Requests()
    for status, seconds in ((200, 0.001), (200, 0.3), (404, 99.0)):
        requests.observe("GET", "/a", status, seconds)
    got = samples(requests)
    route = (("endpoint", "/a"), ("method", "GET"))
    assert got["http_requests_total", (*route, ("status", "200"))] == 2
    assert got["http_requests_total", (*route, ("status", "404"))] == 1
    buckets = {bound: got["http_request_duration_seconds_bucket", (route[0], ("le", bound), route[1])]
               for bound in ("0.001", "0.25", "0.5", "10.0", "+Inf")}  # fmt: skip
    assert buckets == {"0.001": 1, "0.25": 1, "0.5": 2, "10.0": 2, "+Inf": 3}
    assert got["http_request_duration_seconds_sum", route] == 99.301


def test_invented_methods_share_one_series():
    """A client can't grow the process by asking with methods nobody has heard of."""
    requests = metrics.Requests()
    for number in range(100):
        requests.observe(f"BREW{number}", "/a", 405, 0.0)
    assert [key[0] for key in requests._cells] == ["OTHER"]
