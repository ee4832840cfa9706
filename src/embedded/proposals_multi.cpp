// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Transactions of several operations.
#include "embedded/errors.hpp"
#include "embedded/proposals.hpp"
#include "proto_zk/records_multi.hpp"

#include <utility>

namespace muster::embedded {

using zk::create_mode;
using zk::proto::multi_header;
using zk::proto::opcode;

answer proposals::judge_multi(std::string_view body, work& w) {
    // What cannot be read has no effect at all, so look at everything first.
    const multi_survey survey = survey_of(body);
    if (!survey.readable || survey.null_path || (survey.reads && survey.operations > 0))
        return {err::marshalling_error, survey.body_of_error()};

    std::vector<tree::undo> undo;
    w.undo = &undo;
    answer result;
    std::size_t done = 0;
    zk::proto::reader r(body);
    try {
        for (multi_arguments op; result.error == err::ok && op.read(r);) {
            result.error = perform(op, w, result.body);
            if (result.error == err::ok) ++done;
        }
    } catch (...) {    // memory has run out: what was done so far reaches nobody, so it must not stay here either
        revert(w);
        throw;
    }
    zk::proto::writer out(result.body);
    if (result.error != err::ok) {
        revert(w);
        result.body.clear();
        if (result.error == err::marshalling_error) return result;
        for (std::size_t i = 0; i < survey.operations; ++i) {
            const std::int32_t e = i < done ? err::ok : i == done ? result.error : err::runtime_inconsistency;
            multi_header{to_wire(opcode::error), false, e}.write(out);
            out.i32(e);
        }
        result.error = err::ok;    // the reply itself is right
    }
    multi_header{}.write(out);
    return result;
}

void proposals::revert(work& w) {
    for (; !w.undo->empty(); w.undo->pop_back()) tree_.revert(std::move(w.undo->back()));
    w.t.changes.clear();
}

std::int32_t proposals::perform(multi_arguments& op, work& w, std::string& result) {
    zk::proto::writer out(result);
    const auto header = [&](opcode type) { multi_header{to_wire(type), false, err::ok}.write(out); };
    std::int32_t e = err::ok;
    switch (op.type) {
        case opcode::remove:
            e = remove(op.change, w);
            if (e == err::ok) header(opcode::remove);
            return e;
        case opcode::check:
            e = check(op.change, w);
            if (e == err::ok) header(opcode::check);
            return e;
        case opcode::set_data:
            e = set_data(op.change, w);
            if (e != err::ok) return e;
            header(opcode::set_data);
            append_stat(result, *op.change.path);
            return e;
        default: {
            // In a multi it is the flags that decide what is created, and so whether the answer has a stat: create2 has none,
            // createContainer or createTTL with other flags make a persistent znode. Only a time to live has to come with
            // createTTL.
            const auto mode = static_cast<create_mode>(op.create.flags);
            const bool ttl = mode == create_mode::persistent_with_ttl || mode == create_mode::persistent_sequential_with_ttl;
            if (ttl && op.type != opcode::create_ttl) return err::marshalling_error;
            const creation what = ttl ? creation::ttl : mode == create_mode::container ? creation::container : creation::plain;
            std::string path;
            if (!ttl) op.create.ttl = -1;
            e = create(what, op.create, w, path);
            if (e != err::ok) return e;
            header(what == creation::plain ? opcode::create : opcode::create2);
            out.string(path);
            if (what != creation::plain) append_stat(result, path);
            return e;
        }
    }
}

}    // namespace muster::embedded
