/** Works something out once per deployment id: ids are few and stay, placements are many. Unseen from outside, so still pure. */
export function oncePerId<T>(make: (id: string) => T): (id: string) => T {
  const made = new Map<string, T>();
  return (id) => {
    let value = made.get(id);
    if (value === undefined) {
      value = make(id);
      made.set(id, value);
    }
    return value;
  };
}
