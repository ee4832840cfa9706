// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/arguments.hpp"

#include "proto_zk/records_multi.hpp"

namespace muster::embedded {

using zk::proto::opcode;

const text& multi_arguments::path() const noexcept {
    switch (type) {
        case opcode::create:
        case opcode::create2:
        case opcode::create_container:
        case opcode::create_ttl:
            return create.path;
        default:
            return change.path;
    }
}

bool multi_arguments::read(zk::proto::reader& r) {
    type = static_cast<opcode>(r.i32());
    const bool done = r.boolean();
    r.i32();    // an error, which requests do not have
    if (!r.ok() || done) return false;
    switch (type) {
        case opcode::create:
        case opcode::create2:
        case opcode::create_container:
            create.read(r, false);
            break;
        case opcode::create_ttl:
            create.read(r, true);
            break;
        case opcode::remove:
        case opcode::check:
            change.read(r, false);
            break;
        case opcode::set_data:
            change.read(r, true);
            break;
        case opcode::get_data:
        case opcode::get_children:
            change.path = r.buffer();
            r.boolean();    // a watch, which Apache's server does not set here
            break;
        default:
            r.fail(zk::protocol_errc::bad_multi);
            break;
    }
    return r.ok();
}

std::string multi_survey::body_of_error() const {
    std::string body;
    zk::proto::writer w(body);
    if (readable && null_path) zk::proto::multi_header{}.write(w);
    return body;
}

multi_survey survey_of(std::string_view body) {
    zk::proto::reader r(body);
    multi_survey s;
    for (multi_arguments op; op.read(r);) {
        if (s.operations++ == 0)
            s.reads = op.reads();
        else if (s.reads != op.reads())
            s.readable = false;
        if (!op.path()) s.null_path = true;
    }
    if (!r.ok()) s.readable = false;
    return s;
}

}    // namespace muster::embedded
