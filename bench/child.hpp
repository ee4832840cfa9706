// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <chrono>
#include <cstring>
#include <functional>
#include <string>
#include <type_traits>
#include <variant>

namespace muster::bench {

/// Why something could not be measured, as a sentence.
struct failure {
    std::string reason;
};

namespace detail {
/// Runs `work` in a forked process and gives the bytes that it returned, or why there are none: it threw, it died, or it
/// took longer than `limit`.
std::variant<std::string, failure> bytes_from_child(const std::function<std::string()>& work, std::chrono::milliseconds limit);
}    // namespace detail

/// A forked process that runs `work`, and is killed when this object ends. The calling process must have no other threads.
class companion {
public:
    explicit companion(const std::function<void()>& work);
    companion(const companion&) = delete;
    companion& operator=(const companion&) = delete;
    ~companion();

private:
    int pid_;
};

/// Runs `work` in a process of its own, so that its CPU time and its memory are its own. The calling process must have no
/// other threads.
template <class Result>
std::variant<Result, failure> in_child(const std::function<Result()>& work, std::chrono::milliseconds limit) {
    static_assert(std::is_trivially_copyable_v<Result>, "it travels through a pipe as bytes");
    auto answer = detail::bytes_from_child(
        [&work] {
            const Result r = work();
            std::string bytes(sizeof(Result), '\0');
            std::memcpy(bytes.data(), &r, sizeof(Result));
            return bytes;
        },
        limit);
    if (auto* f = std::get_if<failure>(&answer)) return std::move(*f);
    const auto& bytes = std::get<std::string>(answer);
    if (bytes.size() != sizeof(Result)) return failure{"the measuring process sent an incomplete result"};
    Result r;
    std::memcpy(&r, bytes.data(), sizeof(Result));
    return r;
}

}    // namespace muster::bench
