// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <algorithm>
#include <cctype>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace muster::test {

/// Bytes from text: hexadecimal digits, 'text' for itself, and NN*count for repetition. Spaces and bars are for the eye.
inline std::string bytes(std::string_view text) {
    const auto digit = [&](std::size_t i) {
        const auto at = std::string_view("0123456789abcdef").find(i < text.size() ? text[i] : '?');
        if (at == std::string_view::npos) throw std::invalid_argument("not hexadecimal: " + std::string(text));
        return static_cast<unsigned>(at);
    };
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        if (text[i] == ' ' || text[i] == '|') {
            ++i;
        } else if (text[i] == '\'') {
            const auto end = text.find('\'', i + 1);
            out += text.substr(i + 1, end - i - 1);
            i = end + 1;
        } else if (text[i] == '*') {
            std::size_t digits = 0;
            const int count = std::stoi(std::string(text.substr(i + 1)), &digits);
            out.append(static_cast<std::size_t>(count - 1), out.back());
            i += 1 + digits;
        } else {
            out += static_cast<char>(digit(i) << 4 | digit(i + 1));
            i += 2;
        }
    }
    return out;
}

inline std::string hex(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) {
        out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
        out += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
    }
    return out;
}

/// A copy of bytes in memory of exactly their size, so that address sanitizer sees every read behind their end.
class exact_copy {
public:
    explicit exact_copy(std::string_view bytes) : data_(new char[bytes.size()]), size_(bytes.size()) {
        std::copy(bytes.begin(), bytes.end(), data_.get());
    }
    std::string_view view() const { return {data_.get(), size_}; }

private:
    std::unique_ptr<char[]> data_;
    std::size_t size_;
};

}    // namespace muster::test
