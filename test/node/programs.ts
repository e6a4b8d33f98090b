/**
 * The smallest programs for Linux: an ELF file whose one segment is the code, without a libc, so that an image needs
 * nothing else. They take a fraction of a second off each pull, and the suite needs no compiler.
 */
const HEADER_BYTES = 64;
const SEGMENT_HEADER_BYTES = 56;
const CODE_OFFSET = HEADER_BYTES + SEGMENT_HEADER_BYTES;
const BASE_ADDRESS = 0x400000;
const PAGE_BYTES = 0x10000;

const MACHINES: Readonly<Record<string, { readonly id: number; readonly wait: string; readonly exit: string }>> = {
  x64: {
    id: 0x3e,
    // again: mov eax, 34 (pause); syscall; jmp again
    wait: "b822000000" + "0f05" + "ebf7",
    // xor edi, edi; mov eax, 60 (exit); syscall
    exit: "31ff" + "b83c000000" + "0f05",
  },
  arm64: {
    id: 0xb7,
    // again: mov x0..x3, 0; mov x8, 73 (ppoll); svc 0; b again
    wait: "000080d2" + "010080d2" + "020080d2" + "030080d2" + "280980d2" + "010000d4" + "faffff17",
    // mov x0, 0; mov x8, 93 (exit); svc 0
    exit: "000080d2" + "a80b80d2" + "010000d4",
  },
};

/** Whether there is machine code for this machine. */
export const canMakePrograms = process.arch in MACHINES;

/** Waits for ever: the first process of every sandbox. Only SIGKILL ends it, which is what containerd sends. */
export function pauseProgram(): Buffer {
  return program("wait");
}

/** Ends at once with status 0. */
export function trueProgram(): Buffer {
  return program("exit");
}

function program(what: "wait" | "exit"): Buffer {
  const machine = MACHINES[process.arch];
  if (machine === undefined) throw new Error(`no machine code for ${process.arch}`);
  const code = Buffer.from(machine[what], "hex");
  const bytes = CODE_OFFSET + code.length;
  const header = Buffer.alloc(HEADER_BYTES);
  // 64 bit, little endian, version 1.
  header.write("\x7fELF\x02\x01\x01", "latin1");
  header.writeUInt16LE(2, 16); // an executable
  header.writeUInt16LE(machine.id, 18);
  header.writeUInt32LE(1, 20); // version
  header.writeBigUInt64LE(BigInt(BASE_ADDRESS + CODE_OFFSET), 24); // entry point
  header.writeBigUInt64LE(BigInt(HEADER_BYTES), 32); // where the segment header is
  header.writeUInt16LE(HEADER_BYTES, 52);
  header.writeUInt16LE(SEGMENT_HEADER_BYTES, 54);
  header.writeUInt16LE(1, 56); // one segment
  const segment = Buffer.alloc(SEGMENT_HEADER_BYTES);
  segment.writeUInt32LE(1, 0); // to be loaded
  segment.writeUInt32LE(5, 4); // readable and executable
  segment.writeBigUInt64LE(BigInt(BASE_ADDRESS), 16);
  segment.writeBigUInt64LE(BigInt(BASE_ADDRESS), 24);
  segment.writeBigUInt64LE(BigInt(bytes), 32);
  segment.writeBigUInt64LE(BigInt(bytes), 40);
  segment.writeBigUInt64LE(BigInt(PAGE_BYTES), 48);
  return Buffer.concat([header, segment, code]);
}
