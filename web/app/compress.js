/** Puts a .br and a .gz beside each built file that gets smaller by it: the gateway sends those. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const root = '../../build/web';
const compressible = /\.(html|js|css|svg|json|webmanifest|txt)$/;

for (const entry of readdirSync(root, { recursive: true })) {
  const file = join(root, entry);
  if (!compressible.test(file)) continue;
  const bytes = readFileSync(file);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  for (const [suffix, packed] of [['.br', brotliCompressSync(bytes, { params })], ['.gz', gzipSync(bytes, { level: 9 })]]) {
    if (packed.length < bytes.length) writeFileSync(file + suffix, packed);
  }
}
