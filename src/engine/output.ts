import { StringDecoder } from 'node:string_decoder';

export type OutputStream = 'stdout' | 'stderr';
export type OnLine = (line: string, stream: OutputStream) => void;

/** What takes bytes as they come. `end` throws an Error if something was cut off in the middle. */
export interface Sink {
  write(bytes: Uint8Array): void;
  end(): void;
}

/** A longer line is cut here; the rest of it is dropped up to the next newline. In UTF-16 units. */
export const longestLine = 1024 * 1024;

/** Splits UTF-8 text at newlines, however the bytes are cut into pieces. A last line may lack its newline. */
export function createLines(onLine: (line: string) => void): Sink {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let begun = false;
  function take(text: string): void {
    const lines = text.split('\n');
    const last = lines.pop() ?? '';
    for (const line of lines) {
      add(line);
      flush();
    }
    if (last !== '') add(last);
  }
  function add(text: string): void {
    begun = true;
    if (rest.length < longestLine) rest = (rest + text).slice(0, longestLine);
  }
  function flush(): void {
    const line = rest;
    rest = '';
    begun = false;
    onLine(line);
  }
  return {
    write: (bytes) => take(decoder.write(bytes)),
    end() {
      take(decoder.end());
      if (begun) flush();
    },
  };
}

/**
 * The lines of both streams of a command or log. With a terminal (`Tty`) the engine sends them as one; without, in
 * frames: a byte that tells the stream (0 and 1: stdout, 2: stderr), three of zero, the length in four, the payload.
 *
 * @see https://docs.docker.com/reference/api/engine/version/v1.47/#tag/Container/operation/ContainerAttach
 */
export function createOutput(onLine: OnLine, options: { readonly tty: boolean }): Sink {
  const stdout = createLines((line) => onLine(line, 'stdout'));
  if (options.tty) return stdout;
  const stderr = createLines((line) => onLine(line, 'stderr'));
  const header = Buffer.alloc(8);
  let headed = 0;
  let left = 0;
  return {
    write(bytes) {
      let at = 0;
      while (at < bytes.length) {
        if (left === 0) {
          const piece = bytes.subarray(at, at + header.length - headed);
          header.set(piece, headed);
          headed += piece.length;
          at += piece.length;
          if (headed < header.length) return;
          headed = 0;
          left = header.readUInt32BE(4);
          if (header.readUInt8(0) > 2 || header.readUIntBE(1, 3) !== 0) {
            throw new Error('the output is not framed as the Engine API says');
          }
        } else {
          const piece = bytes.subarray(at, at + left);
          (header[0] === 2 ? stderr : stdout).write(piece);
          left -= piece.length;
          at += piece.length;
        }
      }
    },
    end() {
      stdout.end();
      stderr.end();
      if (left > 0 || headed > 0) throw new Error('the output was cut off in the middle');
    },
  };
}
