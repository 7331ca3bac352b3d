/** As the configuration says it, and a plan's policy. */
interface CollectorWish {
  readonly collector?: 'registry' | 'native';
  readonly damage?: 'stop' | 'isolate';
}

/**
 * What sweeps blobs. The registry's own collector stops at the first damaged repository, or sweeps what that one needs:
 * whoever wants such a repository left alone gets the native one.
 */
export function collectorOf({ collector = 'registry', damage }: CollectorWish): 'registry' | 'native' {
  return damage === 'isolate' ? 'native' : collector;
}
