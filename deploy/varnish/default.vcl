# Varnish before the gateway: keeps the bytes of public pictures, and forgets them when it is told to.
#
#     varnishd -a :6081 -f default.vcl -s malloc,1g -s Transient=malloc,256m
#     CHITRAM_CDN=varnish://this-host:6081        for all write services and workers
#
# Pictures whose answer carries a Surrogate-Key, the image's id, are kept as long as Cache-Control says. PURGE with that
# header makes all of them go, however they were asked for. Needs Varnish 7.1 or newer, and no module that isn't its own.

vcl 4.1;

import std;

# The gateway.
backend default {
    .host = "127.0.0.1";
    .port = "8080";
    .connect_timeout = 1s;
    .first_byte_timeout = 65s;
}

# Who may purge: the write services and workers. A proxy on this host that hides its clients' addresses (it should speak the
# PROXY protocol) must not be among them.
acl purgers {
    "127.0.0.1";
    "::1";
}

sub vcl_recv {
    if (req.method == "PURGE") {
        if (client.ip !~ purgers) {
            return (synth(403));
        }
        if (req.http.Surrogate-Key !~ "^[0-9a-f-]{36}( [0-9a-f-]{36})*$") {
            return (synth(400));
        }
        if (!std.ban("obj.http.Surrogate-Key ~ " + regsuball(req.http.Surrogate-Key, " ", "|"))) {
            return (synth(500));
        }
        return (synth(200, "Purged"));
    }

    # Varnish has put client.ip behind what X-Forwarded-For said. The gateway believes that one where this host is among
    # its CHITRAM_TRUSTED_PROXIES, and what stands before it only when that came from one of them too.

    # Only bytes that anybody may have: everything else is for the services to decide, each time.
    if ((req.method != "GET" && req.method != "HEAD")
        || req.url !~ "^/api/v1/images/[^/?]+/(file|thumbnail|thumbnails/[^/?]+)(\?download=1)?$"
        || req.http.Authorization || req.http.X-Consistency-Token
        || req.http.Cookie ~ "(^|[; ])chitram_consistency="
        || req.http.If-Match || req.http.If-Unmodified-Since) {
        return (pass);
    }
    unset req.http.Cookie;

    # Thumbnails are negotiated: three kinds of clients, not one for each spelling.
    if (req.url !~ "/thumbnail") {
        unset req.http.Accept;
    } elsif (req.http.Accept ~ "image/avif") {
        set req.http.Accept = "image/avif,image/webp,*/*;q=0.8";
    } elsif (req.http.Accept ~ "image/webp") {
        set req.http.Accept = "image/webp,*/*;q=0.8";
    } else {
        unset req.http.Accept;
    }
    return (hash);
}

sub vcl_backend_response {
    if (bereq.uncacheable) {
        return (deliver);
    }

    # Nothing is given out after its time, but the gateway may say that it has not changed.
    set beresp.grace = 0s;

    # A purge knows only what is kept already. An answer that was decided before it and comes after it must not be kept, so
    # none is that took long; who purges waits CHITRAM_CDN_WINDOW, which is more than this, before.
    if (beresp.status != 200 || !beresp.http.Surrogate-Key || now - bereq.time > 0.2s) {
        set beresp.uncacheable = true;
        set beresp.ttl = 1s;
        set beresp.keep = 0s;
        return (deliver);
    }
    set beresp.keep = 1d;
}

sub vcl_deliver {
    set resp.http.X-Cache = "miss";
    if (obj.hits > 0) {
        set resp.http.X-Cache = "hit";
    }
    unset resp.http.Surrogate-Key;
    unset resp.http.Cache-Tag;
}
