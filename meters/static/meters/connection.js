// The form of a connection shows what the chosen driver needs; without this script it shows all.
document.addEventListener("DOMContentLoaded", () => {
  const driver = document.querySelector("select[data-takes]");
  if (!driver) return;
  const { drivers, lines } = JSON.parse(driver.dataset.takes);
  const field = (name) => document.getElementById(`id_${name}`);
  const every = new Set(Object.values(drivers).flatMap((each) => each.fields));
  const address = document.querySelector("label[for=id_address]");
  const usual = address?.textContent;

  // A row or a group of fields in which nothing is left is hidden with them.
  function fold(box, lines) {
    box.hidden = lines.length > 0 && lines.every((line) => line.hidden);
  }

  function show(name, is_shown) {
    const line = field(name)?.closest(".field-line");
    if (line) line.hidden = !is_shown;
  }

  function update() {
    const takes = drivers[driver.value];
    if (!takes) return;
    const is_modbus = takes.fields.includes("transport");
    const off_line = is_modbus ? Object.values(lines).flat().filter((name) => !lines[field("transport").value]?.includes(name)) : [];
    for (const name of every) show(name, takes.fields.includes(name) && !off_line.includes(name));
    const profile = field("profile");
    for (const option of profile.options) option.hidden = option.disabled = option.value !== "" && !takes.profiles.includes(option.value);
    if (profile.selectedOptions[0]?.disabled) profile.value = "";
    const options = field("options");
    const spelt = options.value.trim() && options.value.trim() !== "{}";
    show("options", spelt || (Array.isArray(takes.options) ? takes.options.includes(profile.value) : takes.options));
    if (address) address.textContent = takes.address || usual;
    for (const row of document.querySelectorAll(".form-row")) fold(row, [...row.querySelectorAll(".field-line")]);
    for (const group of document.querySelectorAll("fieldset.module")) fold(group, [...group.querySelectorAll(".form-row")]);
  }

  for (const name of ["driver", "transport", "profile"]) field(name)?.addEventListener("change", update);
  update();
});
