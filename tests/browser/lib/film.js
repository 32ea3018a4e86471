/** Films for a camera that sees a picture. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after } from 'node:test';

const [WIDTH, HEIGHT] = [640, 480];
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tithi-films-'));
after(() => fs.rmSync(folder, { recursive: true }));

/** Films what can be seen of an element on its page, held before the middle of the camera; answers the file (y4m). */
export async function film(page, locator) {
  const picture = await locator.screenshot();
  const brightness = await page.evaluate(async ([bytes, width, height]) => {
    const image = await createImageBitmap(new Blob([new Uint8Array(bytes)]));
    const context = new OffscreenCanvas(width, height).getContext('2d');
    context.fillStyle = 'grey';
    context.fillRect(0, 0, width, height);
    context.drawImage(image, (width - image.width) / 2, (height - image.height) / 2);
    const { data } = context.getImageData(0, 0, width, height);
    return Array.from({ length: width * height }, (_, pixel) => data[4 * pixel]);
  }, [[...picture], WIDTH, HEIGHT]);
  const colourless = Buffer.alloc((WIDTH * HEIGHT) / 2, 128);
  const file = path.join(folder, `${fs.readdirSync(folder).length}.y4m`);
  fs.writeFileSync(file, Buffer.concat([Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F10:1 Ip A1:1 C420jpeg\nFRAME\n`), Buffer.from(brightness), colourless]));
  return file;
}
