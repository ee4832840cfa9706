// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/worker.hpp"

#include <algorithm>
#include <utility>

namespace muster::sim {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t persistent_slots = 4;
constexpr std::size_t ephemeral_slots = 2;

const std::vector<zk::acl> open_acl(1);    // as znodes have it that were created without one
/// Only who has said who he is may write; everybody may read.
const std::vector<zk::acl> own_acl{zk::acl(static_cast<std::int32_t>(zk::permission::all), "auth", ""),
                                   zk::acl(static_cast<std::int32_t>(zk::permission::read), "world", "anyone")};
const zk::acl one_more(static_cast<std::int32_t>(zk::permission::read), "ip", "10.0.0.1");

}    // namespace

worker::worker(environment& env, std::string name) : actor(env, std::move(name)), base_(std::string(root) + "/" + name_) {
    for (std::size_t i = 0; i != persistent_slots + ephemeral_slots; ++i) {
        slot& s = slots_.emplace_back();
        s.ephemeral = i >= persistent_slots;
        s.path = base_ + (s.ephemeral ? "/e" : "/k") + std::to_string(i);
        s.acls = i % 2 == 0 ? open_acl : own_acl;
    }
}

std::vector<std::string> worker::paths() const {
    std::vector<std::string> out;
    for (const slot& s : slots_) out.push_back(s.path);
    return out;
}

// Life ---------------------------------------------------------------------------------------------------------------------

bool worker::alive(zk::session_id id) const {
    const auto all = env_.cluster.sessions();
    return std::binary_search(all.begin(), all.end(), id);
}

bool worker::may_start() const {
    return absent() && std::none_of(sessions_.begin(), sessions_.end(), [this](auto id) { return alive(id); });
}

void worker::start() {
    if (!may_start()) return;
    sessions_.clear();
    appear();
    ready_ = false;
    prepare(life_, 0);
}

/// Its znodes need parents, and some of them its name and word, which it gives once: later connections are the client's to tell.
void worker::prepare(std::uint64_t life, std::size_t step) {
    const auto next = [this, life, step](error_code ec) {
        if (life != life_ || !running()) return;
        if (!ec || ec == zk::server_errc::node_exists) return prepare(life, step + 1);
        env_.time.after(200ms, [this, life, step] {
            if (life != life_ || !running()) return;
            home_->when_awake([this, life, step] {
                if (life == life_ && running()) prepare(life, step);
            });
        });
    };
    const auto created = [next](error_code ec, const zk::create_result&) { next(ec); };
    switch (step) {
        case 0:
            return client_->add_auth("digest", name_ + ":sesame", env_.operations.expect(*home_, name_ + " add_auth", next));
        case 1:
            return client_->create(std::string(root), "", {}, env_.operations.expect(*home_, name_ + " create parent", created));
        case 2:
            return client_->create(base_, "", {}, env_.operations.expect(*home_, name_ + " create parent", created));
        default:
            ready_ = true;
    }
}

void worker::stop() {
    if (!awake()) return;
    stopping();
    const auto session = client_->session().id;
    close([this, session](const error_code& ec) {
        if (!ec && session != 0 && alive(session) && client_->session().id == session) {
            env_.time.fail("{} has closed its session {:x}, which lives", name_, static_cast<std::uint64_t>(session));
        }
    });
}

void worker::forget() {
    // The operations that are under way end by that, before their life does.
    if (const auto id = client_->session().id; id != 0) sessions_.insert(id);
    client_.reset();
    env_.time.run_ready();
    vanish();
}

// Operations ---------------------------------------------------------------------------------------------------------------

std::string worker::fresh_value() { return name_ + "#" + std::to_string(++last_value_); }

void worker::act() {
    if (!awake() || !ready_) return;
    for (slot& s : slots_) {
        if (!s.busy && chance_.percent(60)) begin(s);
    }
    if (chance_.percent(10)) create_sequential();
    if (chance_.percent(20)) ask();
}

void worker::settle() {
    if (!running() || !ready_) return;
    for (slot& s : slots_) {
        if (!s.busy) begin(s, effect::read, *client_);
    }
}

void worker::begin(slot& s) {
    constexpr std::array effects{effect::create, effect::create,  effect::set,  effect::set,   effect::remove,
                                 effect::remove, effect::replace, effect::fail, effect::touch, effect::read};
    begin(s, effects[chance_.below(effects.size())], patient_or_not());
}

zk::client worker::patient_or_not() {
    if (!chance_.percent(10)) return *client_;
    return client_->with_timeout(std::chrono::milliseconds(chance_.number(0, 3'000)));
}

void worker::begin(slot& s, effect e, zk::client c) {
    s.busy = true;
    const bool writes_data = e != effect::remove && e != effect::touch && e != effect::read;
    const std::string v = writes_data ? fresh_value() : std::string();
    const auto session = client_->session().id;
    if (session != 0) s.owners.insert(session);
    static constexpr std::array names{"create", "set", "remove", "replace", "fail", "touch", "read"};
    const bool guarded = (e == effect::set || e == effect::remove || e == effect::touch) && chance_.percent(50);
    auto what = fmt::format("{} {}{} {} {}", name_, names[static_cast<std::size_t>(e)], guarded ? " (guarded)" : "", s.path, v);
    env_.time.note("{}", what);
    const auto expect = [&](auto f) { return env_.operations.expect(*home_, std::move(what), std::move(f)); };
    const auto plain = [this, &s, e, v](error_code ec) { ended(s, e, v, ec, v, 0); };
    zk::create_options how(s.ephemeral ? zk::create_mode::ephemeral : zk::create_mode::persistent);
    how.acls = s.acls;
    zk::transaction t;
    switch (e) {
        case effect::create:
            c.create(s.path, v, how, expect([this, &s, e, v](error_code ec, const zk::create_result& r) {
                         ended(s, e, v, ec, v, r.stat.ephemeral_owner);
                     }));
            return;
        case effect::set: {
            auto done = expect([plain](error_code ec, const zk::stat&) { plain(ec); });
            if (guarded)
                c.set_guarded(s.path, v, zk::any_version, std::move(done));
            else
                c.set(s.path, v, zk::any_version, std::move(done));
            return;
        }
        case effect::remove: {
            auto done = expect([this, &s, e, v](error_code ec) { ended(s, e, v, ec, std::nullopt, 0); });
            if (guarded)
                c.remove_guarded(s.path, zk::any_version, std::move(done));
            else
                c.remove(s.path, zk::any_version, std::move(done));
            return;
        }
        case effect::replace:
            t.remove(s.path).create(s.path, v, how);
            c.multi(std::move(t), expect([plain](error_code ec, const zk::multi_result&) { plain(ec); }));
            return;
        case effect::fail:
            t.check(base_).create(s.path + "/never", v).check("/", 1'000'000);
            c.multi(std::move(t), expect([plain](error_code ec, const zk::multi_result&) { plain(ec); }));
            return;
        case effect::touch:
            return touch(s, c, guarded, std::move(what));
        case effect::read:
            return read(s, c, std::move(what));
    }
}

/// Gives it another list of who may do what, or the one that it was created with.
void worker::touch(slot& s, zk::client& c, bool guarded, std::string what) {
    const bool other = chance_.percent(50);
    auto acls = s.acls;
    if (other) acls.push_back(one_more);
    const auto done = [this, &s, other](error_code ec, const zk::stat&) {
        if (!ec) s.touched.clear();
        if (!ec || unknown(ec)) s.touched.insert(other);
        ended(s, effect::touch, {}, ec, {}, 0);
    };
    auto expected = env_.operations.expect(*home_, std::move(what), done);
    if (guarded)
        c.set_acl_guarded(s.path, std::move(acls), zk::any_version, std::move(expected));
    else
        c.set_acl(s.path, std::move(acls), zk::any_version, std::move(expected));
}

void worker::read(slot& s, zk::client& c, std::string what) {
    // Without the sync a server that lags may not show yet what was written without a reply on an earlier connection.
    const auto synced = std::make_shared<bool>(false);
    client_->sync(s.path,
                  env_.operations.expect_surely(name_ + " sync before a read", [synced](error_code ec) { *synced = !ec; }));
    const auto done = [this, &s, synced](error_code ec, const std::string& data, zk::session_id owner) {
        if (!*synced) ec = zk::client_errc::connection_lost;
        ended(s, effect::read, {}, ec, data, owner);
    };
    if (chance_.percent(50)) {
        c.get(s.path, env_.operations.expect(*home_, std::move(what), [done](error_code ec, const zk::get_result& r) {
            done(ec, r.data, r.stat.ephemeral_owner);
        }));
        return;
    }
    const auto several = [this, &s, done](error_code ec, const zk::multi_read_result& r) {
        if (ec) return done(ec, {}, 0);
        const auto& names = r.at(1).names;
        const bool listed = std::find(names.begin(), names.end(), s.path.substr(base_.size() + 1)) != names.end();
        if (!r[1].ec && listed == (r[0].ec == zk::server_errc::no_node))
            env_.time.fail("{}: {} was read with '{}', and is {}", name_, s.path, r[0].ec.message(),
                           listed ? "listed" : "not listed");
        done(r[0].ec, r[0].data, r[0].stat.ephemeral_owner);
    };
    c.multi_read(zk::read_batch().get(s.path).children(base_), env_.operations.expect(*home_, std::move(what), several));
}

void worker::ask() {
    const auto expect = [&](const char* what, auto f) { return env_.operations.expect(*home_, name_ + what, std::move(f)); };
    // Its parent is there for good, and nobody has taken its rights.
    const auto fine = [this](error_code ec, bool holds = true) {
        const bool refused = ec.category() == zk::server_category() && ec != zk::server_errc::not_read_only;
        if (refused || (!ec && !holds)) env_.time.fail("{} asked, and got {}", name_, ec ? ec.message() : "a wrong answer");
    };
    switch (chance_.below(11)) {
        case 0:
            return client_->sync(base_, expect(" sync", [fine](error_code ec) { fine(ec); }));
        case 1:
            return client_->check(base_, zk::any_version, expect(" check", [fine](error_code ec) { fine(ec); }));
        case 2:
            return client_->children(base_, expect(" children", [fine](error_code ec, const zk::children_result& r) {
                                         fine(ec, r.stat.num_children == static_cast<std::int32_t>(r.names.size()));
                                     }));
        case 3:
            return client_->all_children_number(
                base_, expect(" all_children_number", [this, fine](error_code ec, std::int32_t n) {
                    fine(ec, n >= 0 && static_cast<std::uint64_t>(n) <= slots_.size() + last_value_);
                }));
        case 4:
            return client_->ephemerals(base_,
                                       expect(" ephemerals", [this, fine](error_code ec, const std::vector<std::string>& all) {
                                           const auto is_ours = [this](const std::string& path) {
                                               return std::any_of(slots_.begin(), slots_.end(),
                                                                  [&](const slot& s) { return s.ephemeral && s.path == path; });
                                           };
                                           fine(ec, std::all_of(all.begin(), all.end(), is_ours));
                                       }));
        case 5:
            return client_->get_acl(
                base_, expect(" get_acl", [fine](error_code ec, const zk::acl_result& r) { fine(ec, r.acls == open_acl); }));
        case 6:
            return client_->who_am_i(
                expect(" who_am_i", [fine](error_code ec, const std::vector<zk::identity>& who) { fine(ec, !who.empty()); }));
        case 7:
            return client_->session_change(client_->session().version,
                                           env_.operations.await(*home_, name_ + " session_change",
                                                                 [fine](error_code ec, const zk::session_info&) { fine(ec); }));
        case 8:
            return client_->get_config(expect(" get_config", [fine](error_code ec, const zk::get_result&) { fine(ec); }));
        case 9:
            return client_->get_config_and_watch(
                expect(" get_config_and_watch", [fine](error_code ec, const zk::get_result&, const zk::watcher&) { fine(ec); }));
        default:
            return client_->capacity(expect(" capacity", [fine](error_code ec) { fine(ec); }));
    }
}

void worker::create_sequential() {
    const std::string v = fresh_value();
    ++sequential_;
    env_.time.note("{} creates sequential {}", name_, v);
    auto expected =
        env_.operations.expect(*home_, name_ + " create sequential " + v, [this, v](error_code ec, const zk::create_result& r) {
            --sequential_;
            ++done_;
            if (!ec) {
                const auto* n = env_.cluster.tree().find(r.path);
                if (!n || !n->data || *n->data != v) {
                    env_.time.fail("{}: {} was created, and is not there", name_, r.path);
                }
                certain_.insert(v);
            } else if (!unknown(ec)) {
                impossible_.insert(v);
            }
        });
    constexpr auto mode = zk::create_mode::persistent_sequential;
    zk::client c = patient_or_not();
    if (chance_.percent(50))
        c.create(base_ + "/s", v, mode, std::move(expected));
    else
        c.create_protected(base_ + "/s", v, mode, std::move(expected));
}

}    // namespace muster::sim
