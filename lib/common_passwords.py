"""Writes the C table of the passwords and words that are guessed first: the lists of python3-zxcvbn, in lower case and sorted.
Shorter ones than production takes are left out."""

import sys

from zxcvbn.frequency_lists import FREQUENCY_LISTS

SHORTEST = 8


def main(path):
    words = sorted({word.lower().encode() for words in FREQUENCY_LISTS.values() for word in words if len(word) >= SHORTEST})
    starts, length = [], 0
    for word in words:
        starts.append(length)
        length += len(word) + 1
    escaped = ("".join(f"\\x{byte:02x}" if byte >= 127 or byte in b'"\\' else chr(byte) for byte in word) for word in words)
    with open(path, "w", encoding="ascii") as file:
        file.write('#include "common_passwords.h"\n')
        file.write(f"const size_t common_password_count = {len(words)};\n")
        file.write(f"const uint32_t common_password_starts[] = {{{','.join(map(str, starts))}}};\n")
        file.write("const char common_password_texts[] =\n")
        file.writelines(f'"{text}\\0"\n' for text in escaped)
        file.write(";\n")


main(sys.argv[1])
