// The worked example. Only types are imported, so this file loads anywhere, with nothing installed beside it; in a
// directory of your own, import them from 'registry-cleanup'. Every key may be left out: "registry-cleanup config init"
// writes a file with all of them, their defaults and their environment variables.
import type { UserConfig } from './src/index.ts';

export default {
  registry: {
    // A registry binary on this machine, run by systemd. Storage is read from the registry's own configuration.
    // A container instead: runtime: 'docker', container: 'its-name'. In its own Compose project it is found by itself, and
    // docker-compose.yml sets what differs by environment.
    runtime: 'process',
    live: { unit: 'docker-registry' },
  },
  untagged: {
    // Time for a push that is still on its way: its manifests come before its tag.
    keepWithin: '1h',
    // Digests that something pins without a tag.
    protect: [],
  },
  uploads: {
    // Pushes that were never finished.
    keepWithin: '168h',
  },
  // What sweeps blobs: the registry's own garbage-collect, or 'native', this program, which is faster and closes the
  // registry for a shorter time. docs/collectors.md tells them apart.
  collector: 'registry',
  garbageCollect: {
    // The collector's own dry run is compared with the plan before it may sweep.
    rehearse: true,
  },
  // What to do about damage: refuse, or 'isolate', which leaves such a repository alone and cleans the others.
  damage: 'stop',
} satisfies UserConfig;
