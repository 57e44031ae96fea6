(() => {
  // In Airflow's frame: follow its switch for light and dark, and open links in its window, as
  // the frame does not allow them. Elsewhere the page needs no script.
  const airflow = window.parent;
  if (airflow === window) return;
  let root;
  try {
    root = airflow.document.documentElement;
  } catch {
    return;
  }
  const follow = () => {
    const dark = root.classList.contains("dark");
    if (dark || root.classList.contains("light"))
      document.documentElement.dataset.theme = dark ? "dark" : "light";
  };
  follow();
  new MutationObserver(follow).observe(root, { attributeFilter: ["class"] });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!link || /^[#?]/.test(link.getAttribute("href"))) return;
    event.preventDefault();
    const target = airflow.document.createElement("a");
    target.href = link.href;
    target.rel = "noopener";
    if (link.origin !== location.origin || event.ctrlKey || event.metaKey) target.target = "_blank";
    target.click();
  });
})();
