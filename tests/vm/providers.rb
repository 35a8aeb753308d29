# Stand-ins for the providers that the Vagrantfile names, so that `vagrant validate` evaluates and checks their blocks on
# a machine that has none of them. It goes into VAGRANT_HOME, whose Vagrantfile is loaded first.
#
# VirtualBox' settings are Vagrant's own. The others' plugins are not Debian's; of their settings, these we use.
ours = [:cpus, :memory]
{ "virtualbox" => nil, "libvirt" => ours, "vmware_desktop" => ours, "parallels" => ours }.each do |name, settings|
  usable = Class.new(Vagrant.plugin("2", :provider)) do
    def self.usable?(_raise_error = false) = true

    def state = Vagrant::MachineState.new(:not_created, "", "")
  end
  Class.new(Vagrant.plugin("2")) do
    name "#{name} stand-in"
    provider(name) { usable }
    config(name, :provider) { Class.new(Vagrant.plugin("2", :config)) { attr_accessor(*settings) } } if settings
  end
end
