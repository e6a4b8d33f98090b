/** A file of an archive. */
export interface TarFile {
  readonly content: Uint8Array;
  readonly mode: number;
}

const BLOCK_BYTES = 512;
const FILE = "0";
const DIRECTORY = "5";

/** Returns a ustar archive with these files, by path, and the folders above them; the same files give the same bytes. */
export function tar(files: Readonly<Record<string, TarFile>>): Buffer {
  const folders = new Set(
    Object.keys(files).flatMap((path) => {
      const parts = path.split("/").slice(0, -1);
      return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
    }),
  );
  const blocks = [...folders]
    .toSorted((one, other) => (one < other ? -1 : 1))
    .map((folder) => header(`${folder}/`, 0, 0o755, DIRECTORY));
  for (const [path, { content, mode }] of Object.entries(files)) {
    const padding = Buffer.alloc((BLOCK_BYTES - (content.byteLength % BLOCK_BYTES)) % BLOCK_BYTES);
    blocks.push(header(path, content.byteLength, mode, FILE), Buffer.from(content), padding);
  }
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK_BYTES)]);
}

function header(path: string, size: number, mode: number, type: string): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, at: number, length: number) =>
    block.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, "latin1");
  if (Buffer.byteLength(path) > 100) throw new Error(`the path is too long for a ustar header: ${path}`);
  block.write(path, 0, "utf8");
  octal(mode, 100, 8);
  octal(0, 108, 8); // owner
  octal(0, 116, 8); // group
  octal(size, 124, 12);
  octal(0, 136, 12); // time
  block.write(" ".repeat(8), 148, "latin1");
  block.write(type, 156, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  block.write(`${checksum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}
