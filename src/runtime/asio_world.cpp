// Part of muster. Boost Software License 1.0, see LICENSE.
#include "runtime/completion.hpp"
#include "runtime/resolve.hpp"
#include "runtime/world.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/completion_condition.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>

#include <sys/ioctl.h>

#include <memory>
#include <mutex>
#include <random>
#include <utility>

namespace muster::runtime {
namespace {

using tcp = asio::ip::tcp;

/// What is below a strand, else the executor itself.
asio::any_io_executor without_strand(const asio::any_io_executor& ex) {
    const auto* strand = ex.target<asio::strand<asio::any_io_executor>>();
    return strand ? strand->get_inner_executor() : ex;
}

/// What the system keeps of a socket's bytes since the peer has not acknowledged them, for `io_control`.
struct unacknowledged_bytes {
    int value = 0;

    static int name() noexcept { return TIOCOUTQ; }
    void* data() noexcept { return &value; }
};

/// A connected socket. All calls come from one executor, mostly a strand. Asio asks the executors of an operation for forms of
/// themselves, which costs several allocations where they are erased and do not fit in place, as strands: half of what a read
/// takes. So the socket's own executor is the one below, which fits, and a read gets to the strand by itself.
class tcp_stream final : public byte_stream {
public:
    explicit tcp_stream(const asio::any_io_executor& ex) : ex_(ex), socket_(without_strand(ex)) {}

    void async_read_some(asio::mutable_buffer b, size_handler h) override {
        socket_.async_read_some(b, [ex = ex_, h = std::move(h)](const error_code& ec, std::size_t n) mutable {
            ex.execute([h = std::move(h), ec, n]() mutable { std::move(h)(ec, n); });
        });
    }
    std::size_t try_write(asio::const_buffer b, error_code& ec) override {
        const std::size_t n = socket_.write_some(b, ec);
        if (ec == asio::error::would_block || ec == asio::error::try_again || ec == asio::error::interrupted) ec = {};
        return n;
    }
    void async_write(asio::const_buffer b, size_handler h) override {
        // The stream may be gone when these are called; the count is not asked when the last byte is written.
        auto count = [left = left_, size = b.size()](const error_code& ec, std::size_t written) {
            *left = size - written;
            return asio::transfer_all()(ec, written);
        };
        auto done = [left = left_, h = std::move(h)](const error_code& ec, std::size_t written) mutable {
            *left = 0;
            std::move(h)(ec, written);
        };
        asio::async_write(socket_, b, std::move(count), asio::bind_executor(ex_, std::move(done)));
    }
    std::size_t undelivered() noexcept override {
        unacknowledged_bytes sent;
        error_code unknown;
        socket_.io_control(sent, unknown);
        return *left_ + (unknown ? 0 : static_cast<std::size_t>(sent.value));
    }
    void close() noexcept override {
        error_code ignored;
        socket_.close(ignored);
    }

    tcp::socket& socket() noexcept { return socket_; }

private:
    const asio::any_io_executor ex_;
    tcp::socket socket_;
    const std::shared_ptr<std::size_t> left_ = std::make_shared<std::size_t>(0);    // what a write waits with
};

class asio_timer final : public timer {
public:
    explicit asio_timer(const asio::any_io_executor& ex) : timer_(ex) {}

    void expires_at(time_point t) override { timer_.expires_at(t); }
    void async_wait(void_handler h) override { timer_.async_wait(std::move(h)); }
    void cancel() noexcept override {
        try {
            timer_.cancel();
        } catch (...) {    // only a broken reactor throws here; the timer then fires at its time
        }
    }

private:
    asio::steady_timer timer_;
};

class asio_world final : public world {
public:
    asio_world() {
        std::random_device source;
        std::seed_seq seed{source(), source(), source(), source()};
        engine_.seed(seed);
    }

    time_point now() noexcept override { return clock::now(); }
    wall_time_point wall_now() noexcept override { return std::chrono::system_clock::now(); }

    std::uint64_t random() noexcept override {
        const std::lock_guard lock(mutex_);
        return engine_();
    }

    std::unique_ptr<timer> make_timer(const asio::any_io_executor& ex) override { return std::make_unique<asio_timer>(ex); }

    void async_resolve(const asio::any_io_executor& ex, std::string host, std::uint16_t port, resolve_handler h) override {
        error_code not_an_address;
        const auto address = asio::ip::make_address(host, not_an_address);
        if (not_an_address) return runtime::async_resolve(ex, host, port, std::move(h));
        completion<void(error_code, std::vector<endpoint>)> done(std::move(h), ex);
        done.post(error_code{}, std::vector<endpoint>{endpoint(address, port)});
    }

    void async_connect(const asio::any_io_executor& ex, endpoint to, connect_handler h) override {
        completion<void(error_code, std::shared_ptr<byte_stream>)> done(std::move(h), ex);
        const auto slot = done.slot();
        auto stream = std::make_shared<tcp_stream>(ex);
        auto& socket = stream->socket();
        auto connected = [stream = std::move(stream), done = std::move(done),
                          slot = asio::cancellation_slot(slot)](error_code ec) mutable {
            // Asio leaves its cancellation in the slot: emitting later would reach for the socket, which may be gone by then.
            slot.clear();
            if (!ec) stream->socket().set_option(tcp::no_delay(true), ec);
            if (!ec) stream->socket().non_blocking(true, ec);    // for try_write
            if (ec) stream.reset();
            done.post(ec, std::move(stream));
        };
        socket.async_connect(to, asio::bind_cancellation_slot(slot, asio::bind_executor(ex, std::move(connected))));
    }

private:
    std::mutex mutex_;
    std::mt19937_64 engine_;
};

}    // namespace

std::shared_ptr<world> make_asio_world() { return std::make_shared<asio_world>(); }

}    // namespace muster::runtime
