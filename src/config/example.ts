import { stringify } from 'yaml';
import { type Key, type Node, root, type Section } from './keys.ts';

export type ExampleFormat = 'yaml' | 'ts';

const width = 110;

/**
 * A configuration file with every key, its description, its default and its environment variable, all commented out:
 * as it is, it means the defaults. Always in step with the schema, being made from it.
 */
export function renderExample(format: ExampleFormat): string {
  const style = styles[format];
  const lines = root.children.flatMap((node) => ['', ...renderNode(node, style, style.indent)]);
  return `${[...style.head, ...lines.slice(1), ...style.foot].join('\n')}\n`;
}

const intro = [
  'Every key may be left out. What is commented out shows the default, or an example where there is none;',
  'behind it stands the environment variable that sets it.',
];

interface Style {
  readonly comment: string;
  readonly indent: string;
  readonly head: readonly string[];
  readonly foot: readonly string[];
  readonly open: (section: Section) => string;
  readonly close: readonly string[];
  readonly set: (key: Key, value: unknown) => string;
}

const styles: Readonly<Record<ExampleFormat, Style>> = {
  yaml: {
    comment: '#',
    indent: '',
    head: ['# registry-cleanup', ...intro.map((text) => `# ${text}`), ''],
    foot: [],
    open: ({ name }) => `${name}:`,
    close: [],
    set: ({ name }, value) => `${name}: ${value === undefined ? '' : inYaml(value)}`.trimEnd(),
  },
  ts: {
    comment: '//',
    indent: '  ',
    head: [
      '// registry-cleanup',
      ...intro.map((text) => `// ${text}`),
      "import type { UserConfig } from 'registry-cleanup';",
      '',
      'export default {',
    ],
    foot: ['} satisfies UserConfig;'],
    open: ({ name }) => `${name}: {`,
    close: ['},'],
    set: ({ name }, value) => `${name}: ${value === undefined ? "''" : inTypeScript(value)},`,
  },
};

function renderNode(node: Node, style: Style, indent: string): readonly string[] {
  if (node.kind === 'key') return renderKey(node, style, indent);
  return [
    ...wrap(node.description, `${indent}${style.comment} `),
    indent + style.open(node),
    ...node.children.flatMap((child) => renderNode(child, style, `${indent}  `)),
    ...style.close.map((line) => indent + line),
  ];
}

function renderKey(key: Key, style: Style, indent: string): readonly string[] {
  const prefix = `${indent}${style.comment} `;
  const setting = style.set(key, key.preset ?? key.example);
  return [...wrap(key.description, prefix), `${prefix}${setting} ${style.comment} ${key.environment}`];
}

function wrap(text: string, prefix: string): readonly string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(' ')) {
    if (current !== '' && prefix.length + current.length + 1 + word.length > width) {
      lines.push(current);
      current = word;
    } else {
      current = current === '' ? word : `${current} ${word}`;
    }
  }
  return [...lines, current].map((line) => prefix + line);
}

/** On one line. */
export function inYaml(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0, blockQuote: false }).trimEnd();
}

function inTypeScript(value: unknown): string {
  if (typeof value === 'string') return `'${JSON.stringify(value).slice(1, -1).replaceAll("'", "\\'")}'`;
  if (Array.isArray(value)) return `[${value.map(inTypeScript).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const entries = Object.entries(value).map(([name, item]) => `${name}: ${inTypeScript(item)}`);
  return `{ ${entries.join(', ')} }`;
}
