// Part of muster. Boost Software License 1.0, see LICENSE.
//
// replay FILE...: runs a fuzz target with the inputs of corpus files; see corpus.py for their form.
#include "fuzz/fuzz.hpp"

#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>

namespace {

unsigned digit(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
    throw std::runtime_error("not a hexadecimal digit");
}

/// Bytes stand for themselves, but for `\\` and `\xNN`.
std::string unescape(const std::string& line) {
    std::string out;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] != '\\') {
            out.push_back(line[i]);
        } else if (line.at(i + 1) == '\\') {
            out.push_back('\\');
            ++i;
        } else {
            out.push_back(static_cast<char>(digit(line.at(i + 2)) * 16 + digit(line.at(i + 3))));
            i += 3;
        }
    }
    return out;
}

}    // namespace

int main(int argc, char** argv) {
    std::size_t inputs = 0;
    for (int i = 1; i < argc; ++i) {
        std::ifstream file(argv[i]);
        if (!file) {
            std::fprintf(stderr, "cannot read %s\n", argv[i]);
            return 2;
        }
        for (std::string line; std::getline(file, line);) {
            if (line.empty() || line.front() == '#') continue;
            const std::string bytes = unescape(line);
            // Cut at every byte too: what is incomplete must be noticed.
            for (std::size_t n = 0; n <= bytes.size(); ++n)
                LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), n);
            ++inputs;
        }
    }
    std::printf("%zu inputs\n", inputs);
    return inputs == 0 ? 1 : 0;
}
