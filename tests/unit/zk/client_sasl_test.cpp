// Part of muster. Boost Software License 1.0, see LICENSE.
//
// How a client has its user proven: by a mechanism that the test plays, as it does the server.
#include "client_fixture.hpp"
#include "support/forwarding_world.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/system/system_error.hpp>

using namespace muster;
using namespace muster::test;
using zk::sasl_errc;

namespace {

/// A step that was asked for.
struct step {
    std::string host;
    std::string challenge;
    runtime::sasl_exchange::step_handler done;

    void answer(const error_code& ec, std::optional<std::string> token, bool complete, const std::string& said = {}) {
        const auto ex = asio::get_associated_executor(done);
        asio::dispatch(ex, [h = std::move(done), ec, token = std::move(token), complete, said]() mutable {
            std::move(h)(ec, std::move(token), complete, said);
        });
    }
};

class played_mechanism final : public runtime::sasl_exchange {
public:
    played_mechanism(std::vector<step>& steps, std::string host) : steps_(steps), host_(std::move(host)) {}
    void async_step(std::string challenge, step_handler h) override {
        steps_.push_back({host_, std::move(challenge), std::move(h)});
    }
    std::string explanation(const error_code& why) const override { return "as me at " + host_ + ": " + why.message(); }

private:
    std::vector<step>& steps_;
    const std::string host_;
};

class sasl_world final : public forwarding_world {
public:
    sasl_world(std::shared_ptr<runtime::world> w, std::vector<step>& steps) : forwarding_world(std::move(w)), steps_(steps) {}
    std::unique_ptr<runtime::sasl_exchange> make_sasl(const asio::any_io_executor&, const zk::sasl_options&,
                                                      const std::string& host) override {
        return std::make_unique<played_mechanism>(steps_, host);
    }

private:
    std::vector<step>& steps_;
};

zk::config sasl_config(const char* servers = "10.0.0.1:2181") {
    zk::config c = config_for_tests(servers);
    c.sasl.emplace();
    c.sasl->user = "me";
    c.sasl->password = "secret-4711";
    return c;
}

struct sasl_fixture {
    std::vector<step> steps;    // outlives the client, and is destroyed behind the context's handlers
    std::optional<fixture> f;

    explicit sasl_fixture(const char* servers = "10.0.0.1:2181") {
        f.emplace(sasl_config(servers),
                  [&](std::shared_ptr<sim_world> w) { return std::make_shared<sasl_world>(std::move(w), steps); });
    }
    ~sasl_fixture() { steps.clear(); }

    step take() {
        f->sim.run_ready();
        REQUIRE(steps.size() == 1);
        step s = std::move(steps.front());
        steps.clear();
        return s;
    }
    std::string token() {
        const auto r = f->request();
        REQUIRE(r.is(opcode::sasl));
        xid = r.xid;
        return r.as<proto::sasl_packet>().token.value_or("null");
    }
    void say(std::optional<std::string> token, std::int32_t err = 0) {
        proto::sasl_packet p;
        p.token = std::move(token);
        if (err != 0) {
            f->server.reply(xid, err);
        } else {
            f->server.reply(xid, 0, p);
        }
        f->sim.run_ready();
    }
    void prove() {
        take().answer({}, "me", true);
        CHECK(token() == "me");
        say(std::nullopt);
    }
    void refuse() {
        take().answer({}, "me", false);
        CHECK(token() == "me");
        say(std::nullopt, -115);
    }
    session_state state() const { return f->client.session().state; }

    std::int32_t xid = 0;
};

}    // namespace

TEST_SUITE_BEGIN("client: SASL");

TEST_CASE("R40: the mechanism and the server talk before anything else, and requests wait for them") {
    sasl_fixture x;
    outcome<std::vector<zk::identity>> who;
    x.f->client.start();
    x.f->client.who_am_i(who.handler());
    x.f->attach();
    auto first = x.take();
    CHECK(first.host == "10.0.0.1");
    CHECK(first.challenge.empty());
    CHECK(x.f->requests().empty());
    first.answer({}, std::string(), false);
    CHECK(x.token().empty());
    x.say("nonce");
    auto second = x.take();
    CHECK(second.challenge == "nonce");
    second.answer({}, "digest", false);
    CHECK(x.token() == "digest");
    x.say("rspauth");
    CHECK(x.state() != session_state::connected);
    x.take().answer({}, std::nullopt, true);
    CHECK(x.f->request().is(opcode::who_am_i));
    CHECK(x.state() == session_state::connected);
}

TEST_CASE("a step that fails fails the attempt, tells why, and is tried again with the next one") {
    sasl_fixture x;
    x.f->attach();
    x.take().answer(sasl_errc::step_failed, std::nullopt, false, "no ticket");
    x.f->sim.run_ready();
    CHECK(x.f->client.session().last_error == sasl_errc::step_failed);
    CHECK(x.f->client.session().message == "as me at 10.0.0.1: the SASL mechanism could not go on: no ticket");
    x.f->attach();
    x.take().answer(sasl_errc::step_failed, std::nullopt, false);
    x.f->sim.run_ready();
    CHECK(x.f->client.session().message == "as me at 10.0.0.1: the SASL mechanism could not go on");
    x.f->attach();
    x.prove();
    CHECK(x.state() == session_state::connected);
    CHECK(x.f->client.session().message.empty());
}

TEST_CASE("an attempt that ends while a step is under way tells of the user, and does not wait for what the step will say") {
    sasl_fixture x;
    x.f->attach();
    auto slow = x.take();
    SUBCASE("its time is over") {
        x.f->sim.run_for(3s);
        CHECK(x.f->client.session().last_error == client_errc::timed_out);
        CHECK(x.f->client.session().message == "as me at 10.0.0.1: no server answered in time");
    }
    SUBCASE("the server speaks out of turn") {
        x.f->server.reply(7);
        x.f->sim.run_ready();
        CHECK(x.f->client.session().last_error.category() == zk::protocol_category());
        CHECK(x.f->client.session().message.starts_with("as me at 10.0.0.1: "));
    }
    const auto told = x.f->client.session().message;
    slow.answer(sasl_errc::step_failed, std::nullopt, false, "no ticket");
    x.f->sim.run_ready();
    CHECK(x.f->client.session().message == told);
}

TEST_CASE("a server's refusal is final, and names who was refused") {
    sasl_fixture x;
    outcome<zk::session_info> change;
    x.f->attach();
    x.take().answer({}, "me", false);
    CHECK(x.token() == "me");
    x.say(std::nullopt, -115);
    CHECK(x.state() == session_state::auth_failed);
    CHECK(x.f->client.session().last_error == server_errc::auth_failed);
    CHECK(x.f->client.session().message == "as me at 10.0.0.1: authentication failed");
}

TEST_CASE("a name with several addresses has refused the user once all of them did") {
    sasl_fixture x("zk:2181");
    x.f->sim.world->set_name("zk", {"10.0.0.1", "10.0.0.2"});
    x.f->sim.world->set_server(at("10.0.0.2"), sim_world::answer::accept);
    x.f->attach();
    const auto first = x.f->server.peer->address();
    x.refuse();
    CHECK(x.state() == session_state::connecting);
    CHECK(x.f->client.session().last_error == server_errc::auth_failed);
    x.f->attach();
    CHECK(x.f->server.peer->address() != first);
    SUBCASE("not while the other lets him in") {
        x.prove();
        CHECK(x.state() == session_state::connected);
    }
    SUBCASE("the other, too") {
        x.refuse();
        CHECK(x.state() == session_state::auth_failed);
        CHECK(x.f->sim.world->attempts().size() == 2);
    }
    SUBCASE("by a step that is refused here") {
        x.take().answer(sasl_errc::server_untrusted, std::nullopt, false);
        x.f->sim.run_ready();
        CHECK(x.state() == session_state::auth_failed);
    }
    SUBCASE("the other fails in another way, which says nothing of what it will do") {
        (void)x.take();
        x.f->lose();
        x.f->attach();
        const auto third = x.f->server.peer->address();
        x.refuse();
        CHECK(x.state() == session_state::connecting);
        x.f->attach();
        CHECK(x.f->server.peer->address() != third);
        x.refuse();
        CHECK(x.state() == session_state::auth_failed);
    }
}

TEST_CASE("a step that is refused here ends an attempt at one of several addresses only") {
    sasl_fixture x("zk:2181");
    x.f->sim.world->set_name("zk", {"10.0.0.1", "10.0.0.2"});
    x.f->sim.world->set_server(at("10.0.0.2"), sim_world::answer::accept);
    x.f->attach();
    x.take().answer(sasl_errc::server_untrusted, std::nullopt, false);
    x.f->sim.run_ready();
    CHECK(x.state() == session_state::connecting);
    x.f->attach();
    x.prove();
    CHECK(x.state() == session_state::connected);
}

TEST_CASE("a step that ends when its connection is gone changes nothing, and each connection has an exchange of its own") {
    sasl_fixture x;
    x.f->attach();
    auto late = x.take();
    x.f->lose();
    x.f->attach();
    auto now = x.take();
    CHECK(now.challenge.empty());
    late.answer({}, "late", true);
    CHECK(x.f->requests().empty());
    now.answer({}, "me", true);
    CHECK(x.token() == "me");
    x.say(std::nullopt);
    CHECK(x.state() == session_state::connected);
    x.f->lose();
    x.f->attach();
    x.prove();
    CHECK(x.f->client.session().connection == 2);
}

TEST_CASE("closing while a step is under way") {
    sasl_fixture x;
    outcome<> closed;
    x.f->attach();
    auto pending = x.take();
    x.f->client.close(closed.handler());
    x.f->sim.run_ready();
    CHECK(closed.done());
    CHECK(!closed.ec());
    pending.answer({}, "late", true);
    x.f->sim.run_ready();
    CHECK(x.state() == session_state::closed);
}

TEST_CASE("what is wrong with the options is said when the client is made") {
    simulation sim;
    const auto complaint = [&](auto change) {
        zk::config c = sasl_config();
        change(*c.sasl);
        try {
            make_client(sim.io.get_executor(), c, sim.world);
        } catch (const boost::system::system_error& e) {
            CHECK(e.code() == client_errc::invalid_argument);
            return std::string(e.what());
        }
        return std::string();
    };
    const auto says = [&](auto change, const char* what) {
        const auto text = complaint(change);
        CAPTURE(text);
        CHECK(text.find(runtime::has_sasl() ? what : "was built without it") != std::string::npos);
        CHECK(text.find("secret-4711") == std::string::npos);
    };
    says([](zk::sasl_options& o) { o.user.clear(); }, "sasl.user is empty");
    says([](zk::sasl_options& o) { o.password.clear(); }, "sasl.password is empty");
    says([](zk::sasl_options& o) { o.mechanism = zk::sasl_mechanism::gssapi; }, "sasl.password is set");
    says(
        [](zk::sasl_options& o) {
            o.mechanism = zk::sasl_mechanism::gssapi;
            o.password.clear();
            o.service.clear();
        },
        "sasl.service is empty");
    if (runtime::has_sasl()) CHECK(complaint([](zk::sasl_options&) {}).empty());
}

TEST_SUITE_END();
