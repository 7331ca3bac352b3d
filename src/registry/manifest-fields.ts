import { foldKey } from './manifest-json.ts';

/** The type of a field, as the registry declares it, and what to call it. */
interface Type {
  readonly name: string;
  readonly fits: (value: unknown) => boolean;
}

/** The fields that somebody reads of an object. Others are nobody's business. */
export interface Shape {
  readonly fields: ReadonlyMap<string, Type>;
  readonly folded: ReadonlySet<string>;
}

export type Fields = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const text: Type = { name: 'a string', fits: (value) => typeof value === 'string' };
const integer: Type = { name: 'an integer', fits: Number.isSafeInteger };
const record: Type = { name: 'an object', fits: isRecord };
const list: Type = { name: 'a list', fits: Array.isArray };
const texts: Type = {
  name: 'a list of strings',
  fits: (value) => Array.isArray(value) && value.every((item) => item === null || text.fits(item)),
};
const textMap: Type = {
  name: 'an object of strings',
  fits: (value) => isRecord(value) && Object.values(value).every((item) => item === null || text.fits(item)),
};
const base64: Type = { name: 'base64', fits: (value) => typeof value === 'string' && isBase64(value) };

function shape(fields: Readonly<Record<string, Type>>): Shape {
  const names = Object.keys(fields);
  return { fields: new Map(Object.entries(fields)), folded: new Set(names.map(foldKey)) };
}

// What the registry declares: distribution v2.8.3 manifest/{versioned.go,*/*.go}, manifests of v3.1.1, and the OCI
// image-spec's descriptor.go. Subject, artifactType and blobs it leaves unread; we do not.

const platform = shape({
  architecture: text,
  os: text,
  'os.version': text,
  'os.features': texts,
  variant: text,
  features: texts,
});

export const descriptorShape = shape({
  mediaType: text,
  digest: text,
  size: integer,
  urls: texts,
  annotations: textMap,
  data: base64,
  artifactType: text,
  platform: {
    name: 'a platform',
    fits: (value) => isRecord(value) && misfit(value, platform) === undefined,
  },
});

export const manifestShape = shape({
  schemaVersion: integer,
  mediaType: text,
  artifactType: text,
  config: record,
  layers: list,
  manifests: list,
  blobs: list,
  fsLayers: list,
  subject: record,
  annotations: textMap,
});

export const schema1Shape = shape({
  name: text,
  tag: text,
  architecture: text,
  fsLayers: list,
  history: list,
});
export const schema1LayerShape = shape({ blobSum: text });
export const schema1HistoryShape = shape({ v1Compatibility: text });

/**
 * Why the registry would fail on `object`, or read it otherwise than we do: a field of the wrong type, or a key that
 * is a field's name but for its case, which Go takes for the field. Null is a field left out, in Go as here.
 */
export function misfit(object: Fields, { fields, folded }: Shape): string | undefined {
  for (const key of Object.keys(object)) {
    const type = fields.get(key);
    if (type === undefined) {
      if (folded.has(foldKey(key))) return `${quote(key)} differs from a field's name in case only`;
    } else if (object[key] !== null && !type.fits(object[key])) {
      return `"${key}" is not ${type.name}`;
    }
  }
  return undefined;
}

/** Text from a manifest, short, and in ASCII that shows what a terminal would act on. */
export function quote(text: string): string {
  const short = text.length > 100 ? `${text.slice(0, 100)}...` : text;
  return JSON.stringify(short).replaceAll(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** As Go's base64.StdEncoding: padded, line breaks anywhere. */
function isBase64(text: string): boolean {
  const packed = text.replaceAll(/[\r\n]/g, '');
  return packed.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(packed);
}
