// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <cstddef>
#include <string>

namespace muster::zk::proto {

/// Memory of requests that are done, kept by their thread for its next ones: who asks all the time would otherwise allocate twice
/// for each request. A thread keeps 512 KiB at most, which is what some thousand requests take; where requests are made on one
/// thread and done on another, it is as if there was nothing to keep. With a sanitizer that watches memory nothing is.
class spare_memory {
public:
    static void* allocate(std::size_t bytes);
    /// `bytes`: as it was allocated.
    static void deallocate(void* p, std::size_t bytes) noexcept;

    /// An empty string that holds most requests.
    static std::string string();
    static void give_back(std::string s) noexcept;

private:
    class stock;
    static stock* of_this_thread() noexcept;
};

}    // namespace muster::zk::proto
