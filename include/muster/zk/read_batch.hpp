// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/zk/error.hpp>
#include <muster/zk/transaction.hpp>
#include <muster/zk/types.hpp>

#include <string>
#include <utility>
#include <vector>

namespace muster::zk {

/// Reads that go to the server in one request and are answered in one reply. Each succeeds or fails for itself.
///
/// \code
/// zk::read_batch b;
/// b.get("/a/one").get("/a/two").children("/b");
/// auto results = co_await client.multi_read(std::move(b));
/// \endcode
class read_batch {
public:
    struct operation {
        enum class kind { get, children };
        kind what = kind::get;
        std::string path;

        operation() = default;
        operation(kind what_, std::string path_) : what(what_), path(std::move(path_)) {}
    };

    read_batch() = default;

    /// Reads data and stat.
    read_batch& get(std::string path) {
        ops_.emplace_back(operation::kind::get, std::move(path));
        return *this;
    }
    /// Lists the names of the children. Servers give no stat with it.
    read_batch& children(std::string path) {
        ops_.emplace_back(operation::kind::children, std::move(path));
        return *this;
    }

    const std::vector<operation>& operations() const noexcept { return ops_; }

private:
    std::vector<operation> ops_;
};

/// What became of one operation of a batch.
struct read_result {
    error_code ec;                     ///< Of this operation alone.
    std::string data;                  ///< Of a get.
    zk::stat stat;                     ///< Of a get.
    std::vector<std::string> names;    ///< Of a children.

    read_result() = default;
};

using multi_read_result = std::vector<read_result>;

}    // namespace muster::zk
