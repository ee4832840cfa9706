// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What the replies teach a registration.
#include <muster/error.hpp>

#include "registry/registration.hpp"

#include <algorithm>
#include <utility>

namespace muster::registry {
namespace {

constexpr std::uint64_t drawn_ranks = 16;    // of those that nobody can count, some are tried at once

/// Index of the operation that failed a transaction; the number of operations where none is named.
std::size_t failed_operation(const zk::multi_result& r) {
    const auto failed = [](const zk::operation_result& o) { return o.ec && o.ec != zk::server_errc::runtime_inconsistency; };
    return static_cast<std::size_t>(std::find_if(r.begin(), r.end(), failed) - r.begin());
}

bool unknown_outcome(const error_code& ec) { return ec && zk::outcome_of(ec) == zk::outcome::unknown; }

std::string_view last_component(std::string_view path) { return path.substr(path.rfind('/') + 1); }

}    // namespace

void registration::on_reply(reply r, time_point now, std::uint64_t random) {
    const purpose p = std::exchange(outstanding_, purpose::none);
    const bool looks = p == purpose::check_stray || p == purpose::search_probe;
    if (looks && (r.ec == zk::server_errc::no_node || r.ec == zk::server_errc::no_auth)) {    // ours can be read by everybody
        r.ec = {};
        r.stat.reset();
    }
    switch (p) {
        case purpose::none:
            return;
        case purpose::create_parent:
            // Unknown or refused: the next attempt gives NODEEXISTS if it was applied after all.
            if (!r.ec || r.ec == zk::server_errc::node_exists) {
                parents_.erase(parents_.begin());
                return;
            }
            if (r.ec == zk::server_errc::no_node) {
                // Above the outermost there is nothing but the chroot. Of the others an outer one went again.
                if (parents_.front().find('/', 1) == std::string::npos) r.ec = registry_errc::no_chroot;
                parents_.clear();
            }
            return fail(r.ec, now, random);
        case purpose::create_master:
        case purpose::create_normal:
            outstanding_ = p;
            created(std::move(r), now, random);
            outstanding_ = purpose::none;
            for (stray& s : strays_) s.in_flight = false;
            return;
        case purpose::read_master:
            return master_read(std::move(r), now, random);
        case purpose::read_own:
            return own_read(std::move(r), now, random);
        case purpose::rank:
            return ranked(r, now, random);
        case purpose::promote:
            return promoted(r, now, random);
        case purpose::set_data:
            return data_set(r, now, random);
        case purpose::sync_strays:
            strays_synced_ = !r.ec;
            if (r.ec) fail(r.ec, now, random);
            return;
        case purpose::check_stray:
            return stray_checked(r, now, random);
        case purpose::mark_stray:
            return stray_marked(r, now, random);
        case purpose::remove_stray:
            return stray_removed(r, now, random);
        case purpose::search_sync:
        case purpose::search_list:
        case purpose::search_probe:
            outstanding_ = p;
            searched(std::move(r), now, random);
            outstanding_ = purpose::none;
            return;
    }
}

void registration::stands(muster::role role, std::string path, const zk::stat& s, std::string data) {
    if (s.ephemeral_owner != 0 && former(s.ephemeral_owner)) {
        add_stray(std::move(path), s.czxid, s.ephemeral_owner);
        return;
    }
    own_.emplace();
    own_->role = role;
    own_->path = std::move(path);
    own_->owner = s.ephemeral_owner;
    own_->czxid = s.czxid;
    own_->version = s.version;
    own_->data = std::move(data);
    promotion_ = {};
    std::erase_if(strays_, [this](const stray& x) { return x.path == own_->path; });
    ++registrations_;
    last_error_ = {};
}

void registration::created(reply r, time_point now, std::uint64_t random) {
    const bool master = outstanding_ == purpose::create_master;
    const bool multi = !r.results.empty();
    if (!r.ec) {
        std::erase_if(strays_, [](const stray& s) { return s.in_flight; });
        if (master) master_ = master_state::unknown;
        const auto role = master ? role::master : role::normal;
        if (multi) {
            const zk::operation_result& made = r.results.at(create_at_);
            return stands(role, made.path, made.stat, std::move(sent_data_));
        }
        return stands(role, std::move(r.path), r.stat.value_or(zk::stat{}), std::move(sent_data_));
    }
    uncheck_strays();
    if (unknown_outcome(r.ec)) {
        master_ = master_state::unknown;
        start_search(!master);
        return fail(r.ec, now, random);
    }
    const std::size_t failed = failed_operation(r.results);
    const bool by_create = !multi || failed == create_at_ || failed == r.results.size();
    if (r.ec == zk::server_errc::node_exists && master) {
        master_ = master_state::taken;
    } else if (r.ec == zk::server_errc::no_node && by_create) {
        const std::size_t second = p_.service_path.find('/', 1);
        for (std::size_t end = second; end != std::string::npos; end = p_.service_path.find('/', end + 1)) {
            parents_.push_back(p_.service_path.substr(0, end));
        }
        parents_.push_back(p_.service_path);
    } else if (!by_create && (r.ec == zk::server_errc::no_node || r.ec == zk::server_errc::bad_version)) {
        // What was to be replaced went or changed meanwhile: look again.
        master_ = master_state::unknown;
    } else {
        master_ = master_state::unknown;
        fail(r.ec, now, random);
    }
}

void registration::master_read(reply r, time_point now, std::uint64_t random) {
    if (r.ec == zk::server_errc::no_node) {
        // What is absent after the wait was absent all along, or is again: either way the place is free.
        if (master_ == master_state::absent && promotion_.ranked)
            promotion_.rechecked = true;
        else
            promotion_ = {};
        master_ = master_state::absent;
        return;
    }
    if (r.ec) return fail(r.ec, now, random);
    const zk::stat& s = *r.stat;
    master_ = master_state::present;
    drawn_rank_.reset();
    master_owner_ = s.ephemeral_owner;
    master_czxid_ = s.czxid;
    const auto parsed = p_.layout->parse(p_.service_path, last_component(master_path_), r.data, s);
    if (blind_write_ == r.data && s.czxid != blind_czxid_) overwritten_ = s.czxid;
    // Of an earlier start it is an ephemeral; what somebody has put there to stay is not ours to replace.
    master_is_me_ =
        parsed && s.ephemeral_owner != 0 && !identity_.empty() && parsed->identity == identity_ && s.czxid != overwritten_;
    promotion_ = {};
    if (s.ephemeral_owner != 0 && s.ephemeral_owner == session_ &&
        (!p_.shared || (s.czxid != overwritten_ && says_us(master_path_, r)))) {
        if (own_ && own_->path != master_path_) lose(true);
        stands(role::master, master_path_, s, std::move(r.data));
    }
}

void registration::own_read(reply r, time_point now, std::uint64_t random) {
    if (!own_) return;    // the session changed meanwhile
    if (r.ec == zk::server_errc::no_node) {
        lose(false);
        master_ = master_state::unknown;
        return;
    }
    if (r.ec) return fail(r.ec, now, random);
    const zk::stat& s = *r.stat;
    const bool read_before = own_->owner != 0;
    const bool another = p_.shared && (read_before ? s.czxid != own_->czxid : !says_us(own_->path, r));
    if (s.ephemeral_owner == 0 || s.ephemeral_owner != (read_before ? own_->owner : session_) || another) {
        // Somebody replaced our znode by one of theirs. It is not ours to delete; what it means for us, the master tells.
        const auto parsed = p_.layout->parse(p_.service_path, last_component(own_->path), r.data, s);
        const bool twin = own_->role == role::master && parsed && parsed->identity == identity_ && blind_write_ != r.data;
        lose(former(s.ephemeral_owner));
        master_ = master_state::unknown;
        if (twin) fight(now, random);
        return;
    }
    const bool rewritten = own_->data == data_ && r.data != data_;
    own_->owner = s.ephemeral_owner;
    own_->czxid = s.czxid;
    own_->version = s.version;
    own_->data = std::move(r.data);
    own_->verified = true;
    own_->current = true;
    blind_write_.reset();
    if (own_->data == data_) identities_ = {identity_};
    if (rewritten) fight(now, random);
}

void registration::ranked(const reply& r, time_point now, std::uint64_t random) {
    if (!own_) return;
    if (r.ec == zk::server_errc::no_node) own_->verified = false;
    if (r.ec == zk::server_errc::no_node) return;
    // Nobody can tell who is how old, and that is no reason to be without a master: chance takes the place of rank.
    if (r.ec == zk::server_errc::no_auth || r.ec == zk::protocol_errc::frame_too_large) drawn_rank_ = random % drawn_ranks;
    if (r.ec) return fail(r.ec, now, random);
    const auto own = p_.layout->sequence_of(last_component(own_->path));
    std::int64_t rank = 0;
    for (const std::string& name : r.names) {
        const auto other = p_.layout->sequence_of(name);
        if (!own || !other) continue;
        // The counter wraps: earlier is what lies less than half of its range behind.
        if (static_cast<std::int32_t>(static_cast<std::uint32_t>(*other) - static_cast<std::uint32_t>(*own)) < 0) ++rank;
    }
    rank_is(rank, now);
}

void registration::rank_is(std::int64_t rank, time_point now) {
    promotion_.ranked = true;
    promotion_.rechecked = rank == 0;    // the master was read a moment ago
    promotion_.at = now + rank * p_.promotion_step;
}

void registration::promoted(const reply& r, time_point now, std::uint64_t random) {
    promotion_ = {};
    master_ = master_state::unknown;
    if (!r.ec) {
        const zk::operation_result created = r.results.empty() ? zk::operation_result() : r.results.front();
        own_.reset();
        return stands(role::master, master_path_, created.stat, std::move(sent_data_));
    }
    if (own_) own_->verified = false;
    if (unknown_outcome(r.ec)) {
        start_search(false);
        fail(r.ec, now, random);
    } else if (r.ec == zk::server_errc::node_exists) {
        master_ = master_state::taken;
    } else if (r.ec != zk::server_errc::no_node && r.ec != zk::server_errc::bad_version) {
        fail(r.ec, now, random);
    }
}

void registration::data_set(const reply& r, time_point now, std::uint64_t random) {
    if (!own_ || own_->path != sent_path_) return;
    if (!r.ec && r.stat) {
        own_->data = std::move(sent_data_);
        own_->version = r.stat->version;
        own_->verified = false;    // the watch has fired, or will
        return;
    }
    own_->verified = false;
    const bool look_again = r.ec == zk::server_errc::bad_version || r.ec == zk::server_errc::no_node;
    if (!look_again) fail(r.ec, now, random);
}

void registration::stray_checked(const reply& r, time_point now, std::uint64_t random) {
    const auto it = std::find_if(strays_.begin(), strays_.end(), [this](const stray& s) { return s.path == sent_path_; });
    if (it == strays_.end()) return;
    if (r.ec) return fail(r.ec, now, random);
    const zk::stat s = r.stat.value_or(zk::stat{});
    const bool same = r.stat && s.czxid == it->czxid;
    const auto told = [&] { return !p_.shared || (it->czxid != 0 ? same : says_us(it->path, r)); };
    const bool ours = it->other_start ? same : r.stat && mine(s.ephemeral_owner) && told();
    if (!ours) {
        if (it->path == master_path_) master_ = master_state::unknown;
        strays_.erase(it);
        return;
    }
    it->marked = it->marked && same && s.version == it->version;
    it->czxid = s.czxid;
    it->owner = s.ephemeral_owner;
    it->version = s.version;
    it->can_vanish = it->path == master_path_ && s.ephemeral_owner != session_;
    it->checked = true;
}

void registration::stray_marked(const reply& r, time_point now, std::uint64_t random) {
    const auto it = std::find_if(strays_.begin(), strays_.end(), [this](const stray& s) { return s.path == sent_path_; });
    if (it == strays_.end()) return;
    it->checked = false;    // unless it was this one it went or changed meanwhile
    if (!r.ec && !r.results.empty()) {
        const zk::stat& s = r.results.back().stat;
        it->marked = it->checked = s.czxid == it->czxid;
        it->version = s.version;
        blind_write_.reset();
        if (!it->marked) overwritten_ = s.czxid;    // its owner hears of it, and writes its own again
    } else if (r.ec == zk::server_errc::no_auth) {
        overwritten_ = it->czxid;    // not our start, then: ours can be written by everybody
        master_ = master_state::unknown;
        strays_.erase(it);
        fail(r.ec, now, random);
    } else if (r.ec != zk::server_errc::no_node && r.ec != zk::server_errc::bad_version) {
        fail(r.ec, now, random);
    }
}

void registration::stray_removed(const reply& r, time_point now, std::uint64_t random) {
    const auto it = std::find_if(strays_.begin(), strays_.end(), [this](const stray& s) { return s.path == sent_path_; });
    if (it == strays_.end()) return;
    if (!r.ec || r.ec == zk::server_errc::no_node) {
        strays_.erase(it);
        return;
    }
    it->checked = false;
    if (r.ec != zk::server_errc::bad_version) fail(r.ec, now, random);
}

void registration::searched(reply r, time_point now, std::uint64_t random) {
    if (!search_) return;
    const bool empty = outstanding_ == purpose::search_list && r.ec == zk::server_errc::no_node;
    if (r.ec && !empty) {
        start_search(search_->normals);
        return fail(r.ec, now, random);
    }
    switch (outstanding_) {
        case purpose::search_sync:
            search_->at = search_->normals ? search::stage::list : search::stage::probe;
            search_->paths = {master_path_};
            return;
        case purpose::search_list:
            // From the youngest on: ours was just made, if it was.
            search_->at = search::stage::probe;
            std::sort(r.names.begin(), r.names.end());
            for (const std::string& name : r.names) {
                if (p_.layout->role_of(name) == role::normal) search_->paths.push_back(p_.service_path + "/" + name);
            }
            return;
        default:
            break;
    }
    if (search_->paths.empty() || search_->paths.back() != sent_path_) return;    // begun anew meanwhile
    search_->paths.pop_back();
    if (r.stat && mine(r.stat->ephemeral_owner) && (!p_.shared || says_us(sent_path_, r))) found(sent_path_, *r.stat);
    if (search_->paths.empty()) search_.reset();
}

void registration::found(const std::string& path, const zk::stat& s) {
    if (own_ && own_->path == path) return;
    const bool master = path == master_path_;
    if (s.ephemeral_owner != session_ || (own_ && !master)) {
        add_stray(path, s.czxid, s.ephemeral_owner);
        return;
    }
    if (own_) lose(true);
    // Its data was never seen: the read that verifies it tells.
    stands(master ? role::master : role::normal, path, s, {});
}

}    // namespace muster::registry
