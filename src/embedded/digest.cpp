// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/digest.hpp"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>

namespace muster::embedded {

std::string digest_id(std::string_view user_and_password) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
    unsigned size = 0;
    if (EVP_Digest(user_and_password.data(), user_and_password.size(), hash.data(), &size, EVP_sha1(), nullptr) != 1)
        throw std::runtime_error("libcrypto cannot compute SHA-1");
    std::array<unsigned char, EVP_MAX_MD_SIZE * 2> text{};
    const int length = EVP_EncodeBlock(text.data(), hash.data(), static_cast<int>(size));

    std::string id(user_and_password.substr(0, user_and_password.find(':')));
    id += ':';
    id.append(text.data(), text.data() + length);
    return id;
}

}    // namespace muster::embedded
