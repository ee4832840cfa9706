// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/zk/transaction.hpp>

#include <utility>

namespace muster::zk {

transaction& transaction::create(std::string path, std::string data, create_options o) {
    operation& op = ops_.emplace_back();
    op.what = operation::kind::create;
    op.path = std::move(path);
    op.data = std::move(data);
    op.options = std::move(o);
    return *this;
}

transaction& transaction::remove(std::string path, std::int32_t version) {
    operation& op = ops_.emplace_back();
    op.what = operation::kind::remove;
    op.path = std::move(path);
    op.version = version;
    return *this;
}

transaction& transaction::set(std::string path, std::string data, std::int32_t version) {
    operation& op = ops_.emplace_back();
    op.what = operation::kind::set;
    op.path = std::move(path);
    op.data = std::move(data);
    op.version = version;
    return *this;
}

transaction& transaction::check(std::string path, std::int32_t version) {
    operation& op = ops_.emplace_back();
    op.what = operation::kind::check;
    op.path = std::move(path);
    op.version = version;
    return *this;
}

transaction& transaction::on_connection(std::uint64_t connection) {
    connection_ = connection;
    return *this;
}

}    // namespace muster::zk
