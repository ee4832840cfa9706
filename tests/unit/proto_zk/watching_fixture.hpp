// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A session machine that watches, as the client's operations have it do.
#pragma once

#include "session_fixture.hpp"

#include <memory>
#include <string>
#include <utility>

namespace muster::test {

/// A session that watches.
struct watching : machine {
    explicit watching(const proto::session_settings& settings = settings_for_tests()) : machine(settings) { attach(); }

    std::shared_ptr<recorder> add(proto::watch_kind kind, const std::string& path, const std::string& name) {
        auto sink = std::make_shared<recorder>(log, name);
        s.watches().add(kind, path, sink);
        return sink;
    }
    void drop(proto::watch_kind kind, const std::string& path, const std::shared_ptr<recorder>& sink) {
        if (s.watches().remove(kind, path, sink.get())) s.unwatch(kind, path);
    }
    /// Asks the server to arm a watch, as the client's operations do.
    std::uint64_t ask(proto::watch_kind kind, const std::string& path, const std::string& name) {
        auto r = make(name, true);
        proto::request_header header;
        if (proto::is_lasting(kind)) {
            header.type = proto::to_wire(opcode::add_watch);
            proto::add_watch_request record;
            record.path = path;
            record.mode = kind == proto::watch_kind::recursive ? 1 : 0;
            r->frame = frame_of(header, record);
        } else {
            header.type = proto::to_wire(kind == proto::watch_kind::child ? opcode::get_children2 : opcode::get_data);
            proto::path_watch_request record;
            record.path = path;
            record.watch = true;
            r->frame = frame_of(header, record);
        }
        r->arms = path;
        r->arms_kind = kind;
        r->arm(s.watches(), kind, path);
        s.submit(std::move(r));
        return next_id - 1;
    }
    /// The only request that was sent.
    sent_request only() {
        const auto all = sent();
        REQUIRE(all.size() == 1);
        return all.front();
    }
    bool asked_to_watch() { return only().as<proto::path_watch_request>().watch; }
    /// What the only request that was sent removes.
    std::int32_t removed(const std::string& path) {
        const auto r = only();
        REQUIRE(r.is(opcode::remove_watches));
        CHECK(r.as<proto::remove_watches_request>().path == path);
        CHECK(!reply(r.xid, 1, -121));    // whatever is answered is fine
        return r.as<proto::remove_watches_request>().type;
    }
};

}    // namespace muster::test
