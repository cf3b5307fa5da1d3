// The list of conversations: what is ticked stays ticked while the list renews itself.
(() => {
  const { callbacks } = Idiomorph.defaults;
  const others = callbacks.beforeAttributeUpdated;
  callbacks.beforeAttributeUpdated = (name, element, ...rest) =>
    element.name === "_selected_action" && name === "checked" ? false : others(name, element, ...rest);
})();
