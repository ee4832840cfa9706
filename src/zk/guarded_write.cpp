// Part of muster. Boost Software License 1.0, see LICENSE.
#include "zk/guarded_write.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <utility>

namespace muster::zk::detail {
namespace {

/// A lost connection paces the next attempt; a server that answers that it does not know does not.
constexpr int answers_taken = 3;

bool is_late(const error_code& ec) { return ec == client_errc::deadline_exceeded || ec == client_errc::deadline_exceeded_unsent; }

/// As a server shows it to who may not administer.
acl masked(acl a) {
    if (a.scheme == "digest") a.id = a.id.substr(0, a.id.find(':')) + ":x";
    return a;
}

bool is_lost(const error_code& ec) {
    return ec && outcome_of(ec) == outcome::unknown && ec != boost::asio::error::operation_aborted;
}

}    // namespace

guarded_write::guarded_write(kind k, std::string path) : kind_(k), path_(std::move(path)), target_(path_) {}

guarded_write guarded_write::create(std::string path, std::function<std::string()> make_prefix, bool ephemeral) {
    const auto name = path.rfind('/') + 1;    // 0 for what is no path at all
    guarded_write w(kind::create, {});
    w.parent_ = name <= 1 ? "/" : path.substr(0, name - 1);
    w.before_name_ = path.substr(0, name);
    w.name_ = path.substr(name);
    w.make_prefix_ = std::move(make_prefix);
    w.ephemeral_ = ephemeral;
    w.take_name();
    return w;
}

guarded_write guarded_write::set(std::string path, std::string data, std::int32_t version, zxid before) {
    guarded_write w(kind::set, std::move(path));
    w.data_ = std::move(data);
    w.version_ = version;
    w.before_ = before;
    return w;
}

guarded_write guarded_write::remove(std::string path, std::int32_t version, zxid before) {
    guarded_write w(kind::remove, std::move(path));
    w.version_ = version;
    w.before_ = before;
    return w;
}

guarded_write guarded_write::set_acl(std::string path, std::vector<acl> acls, std::int32_t version, zxid before) {
    guarded_write w(kind::set_acl, std::move(path));
    w.acls_ = std::move(acls);
    w.version_ = version;
    w.before_ = before;
    return w;
}

void guarded_write::finish(const error_code& ec) {
    error_ = ec;
    next_ = step::done;
}

void guarded_write::on_write(const error_code& ec) {
    if (lost_ && ec && outcome_of(ec) != outcome::unknown) return not_written_again(ec);
    const bool by_server = ec.category() == server_category();
    if (!is_lost(ec) || (by_server && ++answered_ > answers_taken)) return finish(ec);
    lost_ = ec;
    const bool whatever_is_there = version_ == any_version && (kind_ == kind::set || kind_ == kind::set_acl);
    next_ = whatever_is_there ? step::write : step::sync;
}

/// The session has ended, and there is another one to be asked; a server that says so closes the connection, or should.
bool guarded_write::has_expired(const error_code& ec) noexcept {
    return ec == client_errc::session_expired || (ec == server_errc::session_expired && ++answered_ <= answers_taken);
}

/// Not to have written this time does not tell what became of the attempts before.
void guarded_write::not_written_again(const error_code& ec) {
    if (has_expired(ec)) return;    // the next session can be asked as well
    const bool gone = kind_ == kind::remove && ec == server_errc::no_node;
    finish(gone ? error_code() : is_late(ec) ? error_code(client_errc::deadline_exceeded) : lost_);
}

/// It was not applied, and cannot be any more.
void guarded_write::write_again() {
    lost_ = {};
    next_ = step::write;
}

/// Whatever was created goes with its session, and must not be taken for what this one creates. Where that fails it is still not
/// known what became of the first.
void guarded_write::write_anew() {
    take_name();
    next_ = step::write;
}

void guarded_write::take_name() {
    prefix_ = make_prefix_() + name_;
    path_ = before_name_ + prefix_;
}

/// True if what was asked to learn the outcome has to be asked again, or cannot be.
bool guarded_write::asked_again(const error_code& ec) {
    if (has_expired(ec)) {
        if (ephemeral_)
            write_anew();
        else
            next_ = step::sync;
        return true;
    }
    if (!ec || ec == server_errc::no_node) return false;
    // That the caller gave up, or that time is up, is what it has asked for; of all others the loss tells more.
    const bool aborted = ec == boost::asio::error::operation_aborted;
    finish(aborted ? ec : is_late(ec) ? error_code(client_errc::deadline_exceeded) : lost_);
    return true;
}

void guarded_write::on_sync(const error_code& ec) {
    if (asked_again(ec)) return;
    next_ = kind_ == kind::create ? step::list : kind_ == kind::set_acl ? step::look_at_acl : step::look;
}

void guarded_write::on_list(const error_code& ec, const std::vector<std::string>& names) {
    if (asked_again(ec)) return;
    if (ec) return finish(lost_);    // the parent is gone: with what was created, or before that
    const auto ours = std::find_if(names.begin(), names.end(), [this](const auto& n) { return n.starts_with(prefix_); });
    if (ours == names.end()) return write_again();
    target_ = before_name_ + *ours;
    next_ = step::look;
}

void guarded_write::on_look(const error_code& ec, const std::string& data, const stat& s, session_id now) {
    if (asked_again(ec)) return;
    if (ec == server_errc::no_node) {
        switch (kind_) {
            case kind::create:    // it was there a moment ago, and somebody has deleted it
            case kind::set:       // whether before or after it was written
            case kind::set_acl:
                return finish(lost_);
            case kind::remove:
                return finish({});
        }
    }
    if (kind_ == kind::create) {
        if (ephemeral_ && s.ephemeral_owner != now) return write_anew();
        found_ = s;
        return finish({});
    }
    judge(kind_ == kind::set && data == data_ ? match::same : match::other, s.version, s);
}

void guarded_write::on_look_at_acl(const error_code& ec, const std::vector<acl>& found, const stat& s) {
    if (asked_again(ec)) return;
    if (ec == server_errc::no_node) return finish(lost_);
    judge(compare(acls_, found), s.aversion, s);
}

/// A server drops what is there twice, puts the identities of the connection in the place of `auth`, and masks digests for who
/// may not administer: what differs by no more than that may be what was written, and may be another's.
guarded_write::match guarded_write::compare(const std::vector<acl>& wanted, const std::vector<acl>& found) {
    const auto has = [&found](const acl& a) { return std::find(found.begin(), found.end(), a) != found.end(); };
    bool unclear = false;
    for (const acl& w : wanted) {
        const bool shows = w.scheme != "auth" && has(w);
        if (!shows && w.scheme != "auth" && !has(masked(w))) return match::other;
        if (!shows) unclear = true;
    }
    for (const acl& f : found) {
        const auto may_be = [&f](const acl& w) {
            return w == f || masked(w) == f || (w.scheme == "auth" && w.permissions == f.permissions);
        };
        if (std::none_of(wanted.begin(), wanted.end(), may_be)) return match::other;
    }
    return unclear ? match::unclear : match::same;
}

void guarded_write::judge(match m, std::int32_t version, const stat& s) {
    if (version_ == any_version) {    // it may be another's by now, and ours gone
        next_ = step::write;
        return;
    }
    // Versions begin anew with each znode, so that those of one that was created since say nothing of the one that was meant.
    if (s.czxid > before_) return finish(lost_);
    if (version == version_) return write_again();
    const auto after = static_cast<std::int32_t>(static_cast<std::uint32_t>(version_) + 1);    // wraps, as ZooKeeper's does
    // Further on, another may have replaced what was written.
    if (m == match::unclear || (kind_ != kind::remove && version != after)) return finish(lost_);
    if (m == match::same) found_ = s;
    finish(m == match::same ? error_code() : error_code(server_errc::bad_version));
}

}    // namespace muster::zk::detail
