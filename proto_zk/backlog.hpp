// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>

namespace muster::zk::proto {

/// So many requests, with so many bytes of frames.
struct load {
    std::uint64_t requests = 0;
    std::uint64_t bytes = 0;
};

/// What a request takes of its client's limits: it is given back to `returned` when the request is destroyed, whatever became of
/// it. So a request that was cancelled after it was written counts until its reply has come: until then its place is needed.
class charge {
public:
    charge() = default;
    charge(const charge&) = delete;
    charge& operator=(const charge&) = delete;
    ~charge() {
        if (returned_ == nullptr) return;
        ++returned_->requests;
        returned_->bytes += bytes_;
    }

    void take(load& returned, std::size_t bytes) noexcept {
        returned_ = &returned;
        bytes_ = bytes;
    }

private:
    load* returned_ = nullptr;
    std::size_t bytes_ = 0;
};

/// Bounds the requests of a client that wait or are under way.
///
/// Flow: `admit` each request; `give_back` what is done. After a refusal the backlog is full, and stays so until something is
/// given back and half of it is free: whoever waits for room wakes up to room for many, and not to find that another has taken
/// what was for one. Nor would it help to wake who was refused for being large while nothing has changed: he would be refused
/// again, in a loop.
class backlog {
public:
    backlog(std::size_t max_requests, std::size_t max_bytes) noexcept : max_requests_(max_requests), max_bytes_(max_bytes) {}

    /// Takes a request in, or refuses it. One that is alone is taken, however large: it could not be sent otherwise.
    bool admit(std::size_t bytes) noexcept {
        if (used_.requests != 0 && (used_.requests >= max_requests_ || used_.bytes + bytes > max_bytes_)) {
            full_ = true;
            ++refused_;
            return false;
        }
        ++used_.requests;
        used_.bytes += bytes;
        return true;
    }

    /// What `done` says is done. True if there is room now and was none before.
    bool give_back(const load& done) noexcept {
        used_.requests -= done.requests;
        used_.bytes -= done.bytes;
        if (!full_ || used_.requests > max_requests_ / 2 || used_.bytes > max_bytes_ / 2) return false;
        full_ = false;
        return true;
    }

    /// A request was refused, and nothing was given back since that left half of the limits free.
    bool full() const noexcept { return full_; }
    const load& used() const noexcept { return used_; }
    std::uint64_t refused() const noexcept { return refused_; }

private:
    std::uint64_t max_requests_;
    std::uint64_t max_bytes_;
    load used_;
    std::uint64_t refused_ = 0;
    bool full_ = false;
};

}    // namespace muster::zk::proto
