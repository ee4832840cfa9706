// Part of muster. Boost Software License 1.0, see LICENSE.
#include "registry/layout_micro_service.hpp"

#include <muster/error.hpp>

#include "registry/go_json.hpp"
#include "registry/text.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace muster::registry {
namespace {

namespace json = boost::json;

constexpr std::string_view master_name = "master";
constexpr std::string_view normal_name = "normal";

diagnostic malformed(std::string message) { return diagnostic(registry_errc::malformed_data, std::move(message)); }

const char* kind_name(const json::value& v) {
    switch (v.kind()) {
        case json::kind::null:
            return "null";
        case json::kind::bool_:
            return "a boolean";
        case json::kind::int64:
        case json::kind::uint64:
        case json::kind::double_:
            return "a number";
        case json::kind::string:
            return "a string";
        case json::kind::array:
            return "an array";
        case json::kind::object:
            return "an object";
    }
    return "unknown";
}

/// What the data says, before it is judged as a whole.
struct fields {
    std::string ip, user, password, unique_code, zone, state;
    std::int64_t port = 0;
    std::int64_t weight = 0;
    std::map<std::string, std::string> metadata;
};

/// Takes the object apart. Each reader returns a sentence on what is wrong, or an empty one. A null changes nothing, as in Go.
/// Values of strings are never shown: one of them is a password.
std::string read_string(std::string_view key, const json::value& v, std::string& to) {
    if (v.is_null()) return {};
    if (!v.is_string()) return fmt::format("{} is {}, expected a string", key, kind_name(v));
    to = repair_utf8(std::string_view(v.get_string().data(), v.get_string().size()));
    return {};
}

std::string read_integer(std::string_view key, const json::value& v, std::int64_t& to) {
    if (v.is_null()) return {};
    if (!v.is_int64()) {
        const std::string as_written = v.is_double() ? fmt::format("{:#}", v.get_double()) : json::serialize(v);    // not 1.5E0
        return fmt::format("{} is {}, expected a plain integer", key, v.is_structured() ? kind_name(v) : quoted(as_written));
    }
    to = v.get_int64();
    return {};
}

std::string read_metadata(const json::value& v, std::map<std::string, std::string>& to) {
    if (v.is_null()) return {};
    if (!v.is_object()) return fmt::format("metadata is {}, expected an object", kind_name(v));
    for (const auto& [key, value] : v.get_object()) {
        const std::string name = repair_utf8(std::string_view(key.data(), key.size()));
        if (std::string wrong = read_string("metadata " + quoted(name), value, to[name]); !wrong.empty()) return wrong;
    }
    return {};
}

std::string read_member(std::string_view key, const json::value& v, fields& f) {
    if (same_key(key, "serverip")) return read_string("serverip", v, f.ip);
    if (same_key(key, "serverport")) return read_integer("serverport", v, f.port);
    if (same_key(key, "username")) return read_string("username", v, f.user);
    if (same_key(key, "userpwd")) return read_string("userpwd", v, f.password);
    if (same_key(key, "serveruniquecode")) return read_string("serveruniquecode", v, f.unique_code);
    if (same_key(key, "weight") && v.is_uint64()) {    // more than an int64_t holds
        f.weight = max_weight;
        return {};
    }
    if (same_key(key, "weight")) return read_integer("weight", v, f.weight);
    if (same_key(key, "zone")) return read_string("zone", v, f.zone);
    if (same_key(key, "state")) return read_string("state", v, f.state);
    if (same_key(key, "metadata")) return read_metadata(v, f.metadata);
    return {};
}

/// Judges the fields as a whole: a sentence on what is wrong, or an empty one.
std::string judge(const fields& f) {
    if (f.port < 0 || f.port > 65535) return fmt::format("serverport is {}, expected 0 to 65535", f.port);
    if (f.weight < 0) return fmt::format("weight is {}, expected 0 or more", f.weight);
    if ((f.ip.empty() || f.port == 0) && f.unique_code.empty()) {
        return fmt::format(
            "serverip is {}, serverport {} and serveruniquecode '', expected an address and a port, or a unique "
            "code",
            quoted(f.ip), f.port);
    }
    return {};
}

}    // namespace

std::string_view layout_micro_service::name() const noexcept { return "micro_service"; }

std::string layout_micro_service::service_path(std::string_view prefix, std::string_view service) const {
    return fmt::format("/{}/{}", prefix, service);
}

std::string layout_micro_service::master_path(std::string_view service_path) const {
    return fmt::format("{}/{}", service_path, master_name);
}

std::string layout_micro_service::normal_prefix(std::string_view service_path) const {
    return fmt::format("{}/{}", service_path, normal_name);
}

role layout_micro_service::role_of(std::string_view child) const noexcept {
    if (child == master_name) return role::master;
    return sequence_of(child) ? role::normal : role::none;
}

std::optional<std::int32_t> layout_micro_service::sequence_of(std::string_view child) const noexcept {
    if (!child.starts_with(normal_name)) return std::nullopt;
    child.remove_prefix(normal_name.size());
    std::int32_t n = 0;
    const auto [end, ec] = std::from_chars(child.data(), child.data() + child.size(), n);
    if (ec != std::errc{} || end != child.data() + child.size()) return std::nullopt;
    // ZooKeeper writes "%010d": ten characters with the sign, and eleven for the least numbers.
    if (child.size() != (n < -999'999'999 ? 11u : 10u)) return std::nullopt;
    return n;
}

std::size_t layout_micro_service::max_data() const noexcept { return data_limit; }

std::string layout_micro_service::encode(const instance& i) const {
    std::string out = "{\"serverip\":";
    append_go_string(out, i.ip);
    out += fmt::format(",\"serverport\":{},\"username\":", i.port);
    append_go_string(out, i.user);
    out += ",\"userpwd\":";
    append_go_string(out, i.password);
    out += ",\"serveruniquecode\":";
    append_go_string(out, i.unique_code);
    out += fmt::format(",\"weight\":{}", std::clamp<std::uint32_t>(i.weight, 1, max_weight));
    const auto optional_member = [&](std::string_view key, const std::string& value) {
        if (value.empty()) return;
        out += fmt::format(",\"{}\":", key);
        append_go_string(out, value);
    };
    optional_member("zone", i.zone);
    optional_member("state", i.state);
    if (!i.metadata.empty()) {
        const char* before = ",\"metadata\":{";
        for (const auto& [key, value] : i.metadata) {
            out += before;
            append_go_string(out, key);
            out += ':';
            append_go_string(out, value);
            before = ",";
        }
        out += '}';
    }
    out += '}';
    return out;
}

result<parsed_instance> layout_micro_service::parse(std::string_view service_path, std::string_view child, std::string_view data,
                                                    const zk::stat& stat) const {
    parsed_instance p;
    p.role = role_of(child);
    if (p.role == role::none) {
        return malformed(
            fmt::format("name {} is odd, expected 'master', or 'normal' and a counter of ten digits", quoted(child)));
    }
    if (data.size() > data_limit) {
        return malformed(fmt::format("data has {} bytes, expected at most {}", data.size(), data_limit));
    }
    const result<json::value> document = parse_go_json(data);
    if (!document) return malformed(document.error().message);
    fields f;
    if (!document->is_null()) {    // as in Go, null leaves everything as it is
        if (!document->is_object()) return malformed(fmt::format("data is {}, expected a JSON object", kind_name(*document)));
        for (const auto& [key, value] : document->get_object()) {
            if (std::string wrong = read_member(key, value, f); !wrong.empty()) return malformed(std::move(wrong));
        }
    }
    if (std::string wrong = judge(f); !wrong.empty()) return malformed(std::move(wrong));

    p.instance.ip = std::move(f.ip);
    p.instance.port = static_cast<std::uint16_t>(f.port);
    p.instance.user = std::move(f.user);
    p.instance.password = std::move(f.password);
    p.instance.unique_code = std::move(f.unique_code);
    p.instance.weight = static_cast<std::uint32_t>(std::clamp<std::int64_t>(f.weight, 1, max_weight));
    p.instance.zone = std::move(f.zone);
    p.instance.state = std::move(f.state);
    p.instance.metadata = std::move(f.metadata);
    p.identity = p.instance.identity();
    p.name = child;
    p.path = fmt::format("{}/{}", service_path, child);
    p.stat = stat;
    return p;
}

std::shared_ptr<const layout> make_micro_service_layout() {
    static const auto instance = std::make_shared<const layout_micro_service>();
    return instance;
}

}    // namespace muster::registry
