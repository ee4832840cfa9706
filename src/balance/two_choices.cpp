// Part of muster. Boost Software License 1.0, see LICENSE.
//
// p2c and peakewma: draw two, take the better one (Mitzenmacher 1996). So a pick costs the same for any number of instances,
// many clients do not all run to the same one, and the most loaded is hardly worse than the best.
//
// Weights decide how often one is drawn, and what a lease weighs there. Drawn evenly, the light ones would never be reached by
// callers with one request at a time, if `open + 1` was compared per weight.
#include "balance/alias.hpp"
#include "balance/look_ahead.hpp"
#include "balance/newcomers.hpp"
#include "balance/policies.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace muster::balance {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;

// The fullest of many has some 4 leases more than the mean. Of two each is drawn every time, and no share is twice as large as
// half.
constexpr newcomers::limits held_back(std::size_t nodes) noexcept { return {4, 0, nodes > 2 ? 1U : 0U}; }

// Of what a pick is one.
enum class kind {
    few,       // what it touches is in the caches
    many,      // it is not
    joined,    // of whom some have just joined
};

struct pair {
    std::uint32_t first;
    std::uint32_t second;
};

// How two are drawn, and what one lease weighs on an instance: 1 on one of mean weight.
class equally {
public:
    static constexpr std::uint32_t draws = 1;    // of random numbers

    explicit equally(const node_list& nodes) : size_(static_cast<std::uint32_t>(nodes.size())) {}

    // One random number for both: its halves. Precondition: there are two.
    pair draw(pick_state& s) const noexcept {
        const std::uint64_t r = s.random();
        const auto a = static_cast<std::uint32_t>(((r >> 32) * size_) >> 32);
        const auto b = static_cast<std::uint32_t>((static_cast<std::uint32_t>(r) * std::uint64_t{size_ - 1}) >> 32);
        return {a, b + static_cast<std::uint32_t>(b >= a)};
    }
    static float per_lease(const node&) noexcept { return 1; }

private:
    std::uint32_t size_;
};

class by_weight {
public:
    static constexpr std::uint32_t draws = 2;    // of random numbers, if they differ

    explicit by_weight(const node_list& nodes) : alias_(weights_of(nodes)) {
        const double total =
            std::accumulate(nodes.begin(), nodes.end(), 0.0, [](double sum, const node_ref& n) { return sum + n->weight; });
        mean_ = total / static_cast<double>(nodes.size());
    }

    pair draw(pick_state& s) const noexcept {
        const pair p{alias_.draw(s), alias_.draw(s)};
        return p.second != p.first ? p : draw_again(s, p.first);
    }
    float per_lease(const node& n) const noexcept { return static_cast<float>(mean_ / n.weight); }

private:
    // Where one has nearly all the weight, three draws may give it three times: it competes with itself then.
    [[gnu::cold]] pair draw_again(pick_state& s, std::uint32_t first) const noexcept {
        const std::uint32_t second = alias_.draw(s);
        return {first, second != first ? second : alias_.draw(s)};
    }

    alias_table alias_;
    double mean_ = 1;    // weight
};

// What both policies do. One that failed loses to one that did not, however idle it is: a failing instance is idle because it
// fails. Once in a while it is tried all the same.
template <class Draw>
class two_choices : public table {
public:
    explicit two_choices(node_list nodes)
        : table(std::move(nodes)),
          draw_(this->nodes()),
          shared_(this->nodes().front()->state->shared.get()),
          newcomers_(this->nodes(), held_back(this->nodes().size())) {
        for (const node_ref& n : this->nodes()) {
            candidates_.push_back({n.get(), n->state.get(), draw_.per_lease(*n)});
            in_one_place_ = in_one_place_ && n->counts_in_one_place();
        }
        usual_ = in_one_place_ && !many_ && !newcomers_.any();
    }

protected:
    // All at once: with the state behind the node, a pick from very many would wait for memory one time more.
    struct candidate {
        node* who;
        node_state* state;
        float per_lease;
    };

    // Which two. Of very many, what a later pick will need of its two is fetched (see look_ahead: here they are at hand).
    template <kind Kind>
    pair draw(pick_state& s) const noexcept {
        if constexpr (Kind == kind::joined) return draw_beside_newcomers(s);
        const pair drawn = draw_.draw(s);
        if constexpr (Kind == kind::many) {
            pick_state later = s.later(Draw::draws);
            const pair two = draw_.draw(later);
            look_ahead::fetch(candidates_[two.first].who, candidates_[two.first].state);
            look_ahead::fetch(candidates_[two.second].who, candidates_[two.second].state);
        }
        return drawn;
    }

    // Which two, of one thousand picks or so since somebody has joined. Who has just joined is hardly ever the more loaded one:
    // it would have all picks for which it is drawn, which is twice its share. So it must be drawn first.
    pair draw_beside_newcomers(pick_state& s) const noexcept {
        pair drawn = draw_.draw(s);
        for (int again = 0; again < 16 && newcomers_.contains(drawn.second); ++again) drawn.second = draw_.draw(s).second;
        if (newcomers_.contains(drawn.second)) drawn.second = drawn.first;    // which competes with itself then
        if (newcomers_.contains(drawn.first)) newcomers_.count();             // it loses seldom
        return drawn;
    }

    // Of the two, by index, the one to take if their costs do not decide: none if both fail or neither does.
    static bool differ(std::uint32_t strikes_a, std::uint32_t strikes_b) noexcept { return (strikes_a == 0) != (strikes_b == 0); }

    // True if the second is to be taken, where one of the two has failed.
    static bool take_second(pick_state& s, std::uint32_t strikes_a, std::uint32_t strikes_b) noexcept {
        const bool try_it = s.worth_trying(std::max(strikes_a, strikes_b));
        return (strikes_b == 0) != try_it;
    }

    // Reading the clock costs more than all else. So of one that is idle one lease in `one_in`, a power of two, is timed; where
    // there is a queue the caller has more to do than that, and all are.
    template <bool InOnePlace>
    static bool due(const pick_state& p, const node_state& s, std::uint32_t one_in) noexcept {
        const tally& t = InOnePlace ? s.common : s.tally_of(p.stripe);
        return (t.successes.load(relaxed) & (one_in - 1)) == 0;
    }

    static bool never_timed(const node_state& s) noexcept { return s.typical.load(relaxed) == 0; }

    // Gives `n`, and times the lease, if there is a clock. Apart: what is called seldom must not cost registers every time.
    [[gnu::noinline]] node* timed(pick_state& s, node* n) const noexcept {
        if (!shared_) return n;
        const std::int64_t now = shared_->clock->ticks();
        shared_->pass(now);
        s.loan = loan::taken_at(now);
        return n;
    }

    template <bool InOnePlace>
    static std::uint32_t open(const node& n) noexcept {
        return InOnePlace ? n.own.open() : n.open();
    }

    Draw draw_;
    std::vector<candidate> candidates_;
    service_state* shared_;    // the nodes keep it; null: nothing is timed
    newcomers newcomers_;
    bool in_one_place_ = true;
    bool many_ = this->nodes().size() >= look_ahead::from;
    bool usual_ = true;    // in one place, not many, and nobody has just joined
};

/// p2c: fewer open leases for the weight. The time of some leases is taken, and an instance that is far slower than others counts
/// as more loaded in that proportion.
template <class Draw>
class fewer_leases final : public two_choices<Draw> {
public:
    using two_choices<Draw>::two_choices;

    node* pick(pick_state& s, std::string_view, error_code&) const noexcept override {
        s.loan = 0;
        if (this->nodes().size() == 1) return this->nodes().front().get();
        return this->usual_ ? choose<true, kind::few>(s) : choose_apart(s);
    }

private:
    using candidate = typename two_choices<Draw>::candidate;

    // Picks from few are not to pay for what others need.
    [[gnu::noinline]] node* choose_apart(pick_state& s) const noexcept {
        if (this->newcomers_.any()) return choose<false, kind::joined>(s);
        if (!this->many_) return choose<false, kind::few>(s);
        return this->in_one_place_ ? choose<true, kind::many>(s) : choose<false, kind::many>(s);
    }

    template <bool InOnePlace, kind Kind>
    node* choose(pick_state& s) const noexcept {
        const pair drawn = this->template draw<Kind>(s);
        const candidate& a = this->candidates_[drawn.first];
        const candidate& b = this->candidates_[drawn.second];
        const std::uint32_t open_a = this->template open<InOnePlace>(*a.who);
        const std::uint32_t open_b = this->template open<InOnePlace>(*b.who);
        if ((a.state->notable.load(relaxed) | b.state->notable.load(relaxed)) != 0) [[unlikely]]
            return look_closer<InOnePlace>(a, b, s);
        if ((open_a | open_b) == 0)    // a tie goes to the first
            return this->template due<InOnePlace>(s, *a.state, 16) ? this->timed(s, a.who) : a.who;
        const float load_a = static_cast<float>(open_a) * a.per_lease;
        const float load_b = static_cast<float>(open_b) * b.per_lease;
        const candidate& taken = load_b < load_a ? b : a;
        const bool time = (load_b < load_a ? open_b : open_a) != 0 || this->template due<InOnePlace>(s, *taken.state, 16);
        return time ? this->timed(s, taken.who) : taken.who;
    }

    struct rated : candidate {
        float load;
    };
    template <bool InOnePlace>
    static rated rate(const candidate& c) noexcept {
        return {c, static_cast<float>(two_choices<Draw>::template open<InOnePlace>(*c.who)) * c.per_lease};
    }

    // Where one fails, is slow or was never timed.
    template <bool InOnePlace>
    [[gnu::noinline]] node* look_closer(const candidate& first, const candidate& other, pick_state& s) const noexcept {
        const rated a = rate<InOnePlace>(first);
        const rated b = rate<InOnePlace>(other);
        const std::uint32_t strikes_a = a.state->strikes.load(relaxed);
        const std::uint32_t strikes_b = b.state->strikes.load(relaxed);
        const float handicap_a = a.state->handicap.load(relaxed);
        const float handicap_b = b.state->handicap.load(relaxed);
        bool second = b.load < a.load;
        bool timed = false;
        if (this->differ(strikes_a, strikes_b)) {
            second = this->take_second(s, strikes_a, strikes_b);
        } else if (handicap_a != handicap_b) {
            second = take_second_of_slow(s, a.load, handicap_a, b.load, handicap_b);
            timed = true;
        }
        const rated& taken = second ? b : a;
        timed |= taken.load > 0 || this->never_timed(*taken.state) || this->template due<InOnePlace>(s, *taken.state, 16);
        return timed ? two_choices<Draw>::timed(s, taken.who) : taken.who;
    }

    // A lease of one with handicap h costs as h leases. The one that loses for its handicap alone is tried once in a while, less
    // often the worse it is: else nobody would learn that it has recovered. Once in 64 times at the least; otherwise no more
    // often than its handicap leaves to it, which is 1 / (1 + ratio) of the picks of the two.
    static bool take_second_of_slow(pick_state& s, float load_a, float handicap_a, float load_b, float handicap_b) noexcept {
        const float cost_a = load_a * handicap_a + handicap_a - 1;
        const float cost_b = load_b * handicap_b + handicap_b - 1;
        const bool second = cost_b < cost_a;
        const float ratio = second ? handicap_a / handicap_b : handicap_b / handicap_a;
        const bool only_for_that = ratio > 1 && (second ? load_a <= load_b : load_b <= load_a);
        if (!only_for_that) return second;
        const bool try_it = static_cast<float>(s.random() >> 40) * (1 + std::min(63.0F, ratio * ratio)) < 0x1p24F;
        return second != try_it;
    }
};

/// peakewma: lower latency, times open leases (Finagle's, with its peak sensitivity). The time by which latencies fade is that
/// of the latest lease that was timed.
template <class Draw>
class lower_latency final : public two_choices<Draw> {
public:
    using two_choices<Draw>::two_choices;

    node* pick(pick_state& s, std::string_view, error_code&) const noexcept override {
        s.loan = 0;
        if (this->nodes().size() == 1) return this->nodes().front().get();
        return this->usual_ ? choose<true, kind::few>(s) : choose_apart(s);
    }

private:
    [[gnu::noinline]] node* choose_apart(pick_state& s) const noexcept {
        if (this->newcomers_.any()) return choose<false, kind::joined>(s);
        if (!this->many_) return choose<false, kind::few>(s);
        return this->in_one_place_ ? choose<true, kind::many>(s) : choose<false, kind::many>(s);
    }

    // One that nobody knows yet is asked at once, but by one caller only until it has answered.
    static constexpr float unknown = 1e18F;

    template <bool InOnePlace, kind Kind>
    node* choose(pick_state& s) const noexcept {
        const std::int64_t now = this->shared_ ? this->shared_->latest.load(relaxed) : 0;
        const pair drawn = this->template draw<Kind>(s);
        const auto& a = this->candidates_[drawn.first];
        const auto& b = this->candidates_[drawn.second];
        const std::uint32_t strikes_a = a.state->strikes.load(relaxed);
        const std::uint32_t strikes_b = b.state->strikes.load(relaxed);
        const std::uint32_t open_a = this->template open<InOnePlace>(*a.who);
        const std::uint32_t open_b = this->template open<InOnePlace>(*b.who);
        const bool second = this->differ(strikes_a, strikes_b) ? this->take_second(s, strikes_a, strikes_b)
                                                               : cost(open_b, b, now) < cost(open_a, a, now);
        // By index: which one it is cannot be foreseen, and so must not be a branch.
        const auto& taken = this->candidates_[second ? drawn.second : drawn.first];
        const bool time = (second ? open_b : open_a) > 0 || this->never_timed(*taken.state) ||
                          this->template due<InOnePlace>(s, *taken.state, 4);
        return time ? this->timed(s, taken.who) : taken.who;
    }

    static float cost(std::uint32_t leases, const typename two_choices<Draw>::candidate& c, std::int64_t now) noexcept {
        const float open = static_cast<float>(leases) * c.per_lease;
        const float latency = c.state->latency.load(relaxed);
        if (latency == 0) return unknown * open;
        return latency * faded(now - c.state->latency_at.load(relaxed)) * (open + 1) * c.state->reported.load(relaxed);
    }
};

template <template <class> class Policy>
table_ptr make(node_list nodes) {
    if (equal_weights(nodes)) return std::make_shared<Policy<equally>>(std::move(nodes));
    return std::make_shared<Policy<by_weight>>(std::move(nodes));
}

}    // namespace

table_ptr make_two_choices(node_list nodes) { return make<fewer_leases>(std::move(nodes)); }

table_ptr make_peak_ewma(node_list nodes) { return make<lower_latency>(std::move(nodes)); }

}    // namespace muster::balance
