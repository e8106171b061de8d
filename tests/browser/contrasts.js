() => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });

  // The colours painted over each other, in whatever notation, as red, green and blue.
  const blend = (colours) => {
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, 1, 1);
    for (const colour of colours) {
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
    }
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (colour) => {
    const [r, g, b] = colour
      .map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const grounds = (element) => {
    const found = [];
    for (let one = element; one; one = one.parentElement) found.unshift(getComputedStyle(one).backgroundColor);
    return found;
  };

  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility()) continue;
    if (element.closest("script, svg")) continue;
    const behind = grounds(element);
    const [light, dark] = [blend([...behind, getComputedStyle(element).color]), blend(behind)]
      .map(luminance)
      .sort((a, b) => b - a);
    found.push({ text: walker.currentNode.textContent.trim().slice(0, 40), contrast: (light + 0.05) / (dark + 0.05) });
  }
  return found;
}
