// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/spare_memory.hpp"

#include <array>
#include <new>
#include <utility>
#include <vector>

namespace muster::zk::proto {
namespace {

#ifndef __has_feature    // it is clang's
#define __has_feature(x) 0
#endif

// Under a sanitizer what is used after it was freed must be seen to have been.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_HWADDRESS__) || defined(__SANITIZE_THREAD__) ||          \
    __has_feature(address_sanitizer) || __has_feature(hwaddress_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
constexpr bool keeps = false;
#else
constexpr bool keeps = true;
#endif

constexpr std::size_t most_bytes = 512 * 1024;
constexpr std::size_t step = 32;    // sizes are rounded up to multiples
constexpr std::size_t largest = 1'024;
constexpr std::size_t typical_request = 128;

thread_local bool ended = false;    // the thread's stock is gone: others of its thread_local objects may still have requests

}    // namespace

class spare_memory::stock {
public:
    ~stock() {
        ended = true;
        for (block* b : free_) {
            while (b) ::operator delete(std::exchange(b, b->next));
        }
    }

    void* take(std::size_t bytes) noexcept {
        block*& first = free_[list_of(bytes)];
        block* const b = first;
        if (!b) return nullptr;
        first = b->next;
        kept_ -= (list_of(bytes) + 1) * step;
        return b;
    }
    void keep(void* p, std::size_t bytes) noexcept {
        make_room((list_of(bytes) + 1) * step);
        block*& first = free_[list_of(bytes)];
        first = new (p) block{first};
        kept_ += (list_of(bytes) + 1) * step;
    }

    std::string take_string() noexcept {
        if (strings_.empty()) return {};
        std::string s = std::move(strings_.back());
        strings_.pop_back();
        kept_ -= cost_of(s);
        return s;
    }
    void keep_string(std::string s) {
        if (s.capacity() < typical_request || s.capacity() > largest) return;
        const std::size_t cost = cost_of(s);
        make_room(cost);
        s.clear();
        strings_.push_back(std::move(s));
        kept_ += cost;
    }

private:
    struct block {
        block* next;
    };

    static std::size_t list_of(std::size_t bytes) noexcept { return (bytes - 1) / step; }
    static std::size_t cost_of(const std::string& s) noexcept { return s.capacity() + 2 * sizeof s; }    // vectors grow by twice

    // What there is may be of sizes that nobody asks for any more: of each in turn one goes.
    void make_room(std::size_t bytes) noexcept {
        while (kept_ != 0 && kept_ + bytes > most_bytes) {
            turn_ = (turn_ + 1) % (free_.size() + 1);
            if (turn_ == free_.size())
                take_string();
            else
                ::operator delete(take((turn_ + 1) * step));
        }
    }

    std::array<block*, largest / step> free_{};
    std::vector<std::string> strings_;
    std::size_t kept_ = 0;
    std::size_t turn_ = 0;
};

spare_memory::stock* spare_memory::of_this_thread() noexcept {
    if (!keeps || ended) return nullptr;
    static thread_local stock s;
    return &s;
}

void* spare_memory::allocate(std::size_t bytes) {
    if (bytes == 0 || bytes > largest) return ::operator new(bytes);
    stock* const s = of_this_thread();
    if (void* const p = s ? s->take(bytes) : nullptr) return p;
    return ::operator new((bytes + step - 1) / step * step);
}

void spare_memory::deallocate(void* p, std::size_t bytes) noexcept {
    stock* const s = bytes == 0 || bytes > largest ? nullptr : of_this_thread();
    if (s)
        s->keep(p, bytes);
    else
        ::operator delete(p);
}

std::string spare_memory::string() {
    stock* const s = of_this_thread();
    std::string out = s ? s->take_string() : std::string();
    out.reserve(typical_request);
    return out;
}

void spare_memory::give_back(std::string s) noexcept {
    stock* const to = of_this_thread();
    if (!to) return;
    try {
        to->keep_string(std::move(s));
    } catch (const std::bad_alloc&) {    // then it is freed
    }
}

}    // namespace muster::zk::proto
